package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"tote/agent"
	"tote/agent/api"
	"tote/agent/config"
)

type backupCmd struct {
	Now     backupNowCmd     `cmd:"" help:"Have a running gateway make one of the scheduled backups now, where its configuration says."`
	Create  backupCreateCmd  `cmd:"" help:"Write a backup to a new file: of a gateway that runs, or with --config of one that is stopped."`
	Verify  backupVerifyCmd  `cmd:"" help:"Read all of a backup and tell what it is of."`
	Restore backupRestoreCmd `cmd:"" help:"Begin the site anew from a backup, on this machine, whose store must be empty."`
}

type backupCreateCmd struct {
	gatewayURL `embed:""`
	Config     string `help:"Configuration of this gateway, when it does not run." type:"path" placeholder:"FILE"`
	File       string `arg:"" help:"File to write; it must not be there." type:"path"`
}

// Run writes beside the file and renames: a file of that name is whole.
func (c backupCreateCmd) Run(ctx context.Context) (err error) {
	if _, err := os.Lstat(c.File); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there already; a backup never overwrites anything", c.File)
	}
	part, err := os.OpenFile(c.File+".part", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if err := errors.Join(c.write(ctx, part), part.Sync()); err != nil {
		return errors.Join(err, part.Close())
	}
	_, err = part.Seek(0, io.SeekStart)
	var info agent.BackedUp
	if err == nil {
		info, err = agent.VerifyBackup(part, "")
	}
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), c.File); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(c.File)); err != nil {
		return err
	}
	tell(c.File, info)
	fmt.Println("keep it on another machine; of the site's authority (data_dir/identity) keep a copy too")
	return nil
}

func (c backupCreateCmd) write(ctx context.Context, w io.Writer) error {
	if c.Config != "" {
		cfg, err := config.Load(c.Config)
		if err != nil {
			return err
		}
		return agent.BackupStore(cfg, w, logger("warn", "text"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.API, "/")+"/v1/backup", nil)
	if err != nil {
		return err
	}
	c.show(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the gateway does not answer (does it run? see --api; of one that is stopped: --config): %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return errors.Join(fmt.Errorf("the gateway refused: %s", strings.TrimSpace(pretty(b))), err)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func tell(file string, i agent.BackedUp) {
	fmt.Printf("%s is whole: site %s, epoch %d, up to command %d of %s, made by gateway %s on %s\n",
		file, i.Site, i.Epoch, i.Number, when(i.Last), i.Gateway, when(i.Made))
	fmt.Printf("the state is %x; another gateway's is the same after the same command\n", i.Digest)
}

type backupNowCmd struct {
	gatewayURL `embed:""`
}

func (c backupNowCmd) Run(ctx context.Context) error {
	var made api.BackupMade
	if err := c.ask(ctx, http.MethodPost, "/v1/backup", "application/json", strings.NewReader("{}"), &made); err != nil {
		return err
	}
	fmt.Printf("%s is in %s: %d bytes%s\n", made.Name, made.Target, made.Bytes, map[bool]string{
		true: ", read again there", false: "; the server gives nothing back, so it was only read before it was sent",
	}[made.ReadBack])
	return nil
}

type backupVerifyCmd struct {
	Site string `help:"Site it must be of."`
	File string `arg:"" type:"existingfile"`
}

func (c backupVerifyCmd) Run() error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	info, err := agent.VerifyBackup(f, c.Site)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	tell(c.File, info)
	return nil
}

type backupRestoreCmd struct {
	Config string `help:"Configuration of this gateway." default:"/etc/tote/agent.yaml" type:"path"`
	Epoch  uint32 `help:"Lowest epoch to begin. Needed when the same backup is restored a second time: one more than the site had."`
	By     string `help:"Who does it, for the record." default:"${user}"`
	File   string `arg:"" type:"existingfile"`
}

func (c backupRestoreCmd) Run() error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	if err := asOwner(cfg); err != nil { // the backup may be root's
		return errors.Join(err, f.Close())
	}
	done, info, err := agent.Restore(cfg, f, c.By, c.Epoch, logger("warn", "text"))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	tell(c.File, info)
	fmt.Printf("restored: epoch %d, cluster %s. What was recorded after %s is not there\n", done.Epoch, done.Cluster, when(done.Last))
	fmt.Println("start this gateway (tote run). On each other machine: tote cluster join --set-aside, with a token of this one")
	return nil
}
