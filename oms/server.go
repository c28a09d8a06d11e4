package oms

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"tote/cloudsync/wire"
)

// stopGrace is how long running requests may take after the stop.
const stopGrace = 5 * time.Second

// Server is a running or ready OMS.
type Server struct {
	cfg   Config
	sites map[string]Site
	log   *slog.Logger
	db    *store
	feed  notifier
	http  http.Handler

	stopping chan struct{} // closed when long polls should end
	stop     sync.Once
	addr     chan string // holds the bound address once known
}

// New checks the configuration and opens the database. It does not listen.
// Close the server when Run is not used.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, sites: map[string]Site{}, log: cfg.Log, stopping: make(chan struct{}), addr: make(chan string, 1)}
	for _, site := range cfg.Sites {
		s.sites[site.ID] = site
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.db, err = openStore(context.Background(), cfg.DB); err != nil {
		return nil, err
	}
	s.http = s.handler()
	return s, nil
}

// Run opens the database, serves until ctx ends and closes everything. Nil
// after a graceful stop.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	return errors.Join(s.Run(ctx), s.Close())
}

// Handler serves the API without a listener of its own.
func (s *Server) Handler() http.Handler { return s.http }

// Addr waits for Run to listen and returns the bound address; "" when ctx
// ends first.
func (s *Server) Addr(ctx context.Context) string {
	select {
	case a := <-s.addr:
		s.addr <- a
		return a
	case <-ctx.Done():
		return ""
	}
}

// Run listens and serves until ctx ends; then long polls are answered and
// running requests get a few seconds. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("oms: listen: %w", err)
	}
	if s.cfg.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.TLSCert, s.cfg.TLSKey)
		if err != nil {
			return errors.Join(fmt.Errorf("oms: %w", err), ln.Close())
		}
		ln = tls.NewListener(ln, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}})
	}
	srv := &http.Server{
		Handler:           s.http,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * wire.MaxWaitS * time.Second, // a shorter one would end a long poll
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	s.addr <- ln.Addr().String()
	if s.cfg.OnListen != nil {
		s.cfg.OnListen(ln.Addr().String())
	}
	s.log.Info("oms: listening", slog.String("addr", ln.Addr().String()))
	select {
	case err := <-served:
		return fmt.Errorf("oms: serve: %w", err)
	case <-ctx.Done():
	}
	s.stop.Do(func() { close(s.stopping) })
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	err = srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("oms: stop: %w", err), srv.Close())
	}
	<-served
	s.log.Info("oms: stopped")
	return err
}

// Close ends waiting long polls and closes the database. Handlers must be done
// or fail after it.
func (s *Server) Close() error {
	s.stop.Do(func() { close(s.stopping) })
	if err := s.db.close(); err != nil {
		return fmt.Errorf("oms: close: %w", err)
	}
	return nil
}

// now is the time in milliseconds since 1970 UTC.
func (s *Server) now() int64 {
	if s.cfg.Now != nil {
		return s.cfg.Now().UnixMilli()
	}
	return time.Now().UnixMilli()
}
