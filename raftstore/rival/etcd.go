package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcdCluster is three etcd servers with mutual TLS for peers and clients and
// all else as it is out of the box, its synced writes among it. The client goes
// to the one that leads, which is the shortest way.
type etcdCluster struct {
	procs     []*exec.Cmd
	endpoints []string
	all       *clientv3.Client // of all three
	mu        sync.Mutex
	client    *clientv3.Client // of who leads
	at        string
	tls       *tls.Config
}

// findEtcd returns "" where there is none.
func findEtcd() string {
	for _, name := range []string{os.Getenv("TOTE_ETCD"), "etcd", "/usr/bin/etcd", "/usr/sbin/etcd"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func startEtcd(ctx context.Context, bin string, s *site, dir string) (c *etcdCluster, err error) {
	c = &etcdCluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	ports, err := freePorts(6)
	if err != nil {
		return c, err
	}
	var members, clients []string
	for i := range 3 {
		members = append(members, fmt.Sprintf("e%d=https://127.0.0.1:%d", i, ports[i]))
		clients = append(clients, fmt.Sprintf("https://127.0.0.1:%d", ports[3+i]))
	}
	ca := filepath.Join(s.dir, "ca.pem")
	for i := range 3 {
		id := fmt.Sprintf("e%d", i)
		if err := s.issue(id); err != nil {
			return c, err
		}
		cert, key := filepath.Join(s.dir, id+".pem"), filepath.Join(s.dir, id+".key")
		_, peerURL, _ := strings.Cut(members[i], "=")
		p := exec.Command(bin, "--name", id, "--data-dir", filepath.Join(dir, id),
			"--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL,
			"--listen-client-urls", clients[i], "--advertise-client-urls", clients[i],
			"--initial-cluster", strings.Join(members, ","), "--initial-cluster-state", "new", "--initial-cluster-token", "bench",
			"--cert-file", cert, "--key-file", key, "--trusted-ca-file", ca, "--client-cert-auth",
			"--peer-cert-file", cert, "--peer-key-file", key, "--peer-trusted-ca-file", ca, "--peer-client-cert-auth",
			"--logger", "zap", "--log-level", "error", "--quota-backend-bytes", fmt.Sprint(int64(8)<<30))
		log, err := os.Create(filepath.Join(dir, id+".log"))
		if err != nil {
			return c, err
		}
		p.Stderr = log
		endWithUs(p)
		if err := errors.Join(p.Start(), log.Close()); err != nil {
			return c, err
		}
		c.procs = append(c.procs, p)
	}
	if err := s.issue("client"); err != nil {
		return c, err
	}
	conf, err := loadTLS(s.dir, "client")
	if err != nil {
		return c, err
	}
	c.tls, c.endpoints = conf, clients
	if c.all, err = c.dial(clients...); err != nil {
		return c, err
	}
	return c, c.findLeader(ctx)
}

func (c *etcdCluster) dial(endpoints ...string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: c.tls, DialTimeout: 20 * time.Second, Logger: zap.NewNop()})
}

func (c *etcdCluster) findLeader(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, at := range c.endpoints {
			ask, cancel := context.WithTimeout(ctx, time.Second)
			st, err := c.all.Status(ask, at)
			cancel()
			if err != nil || st.Leader == 0 || st.Leader != st.Header.MemberId {
				continue
			}
			if at == c.at {
				return nil
			}
			next, err := c.dial(at)
			if err != nil {
				return err
			}
			if c.client != nil {
				_ = c.client.Close() // its leader leads no more
			}
			c.client, c.at = next, at
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no etcd leads: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // kept until all are found
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func (c *etcdCluster) name() string { return "etcd" }

func (c *etcdCluster) pids() (pids []int) {
	for _, p := range c.procs {
		pids = append(pids, p.Process.Pid)
	}
	return pids
}

func (c *etcdCluster) put(ctx context.Context, _ int, _ uint64, key string, value []byte, spread bool) error {
	c.mu.Lock()
	client := c.client
	c.mu.Unlock()
	if spread {
		client = c.all
	}
	_, err := client.Put(ctx, key, string(value))
	return err
}

func (c *etcdCluster) close() error {
	var errs []error
	for _, client := range []*clientv3.Client{c.client, c.all} {
		if client != nil {
			errs = append(errs, client.Close())
		}
	}
	for _, p := range c.procs {
		_ = p.Process.Signal(os.Interrupt)
	}
	for _, p := range c.procs {
		kill := time.AfterFunc(15*time.Second, func() { _ = p.Process.Kill() })
		_ = p.Wait() // it ends by the signal
		kill.Stop()
	}
	return errors.Join(errs...)
}
