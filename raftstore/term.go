package raftstore

// Term is the current Raft term: it never goes back, and a new leader has a
// higher one than the leader before. It fences what only one leader may do.
func (s *Store) Term() uint64 { return s.raft.CurrentTerm() }
