package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"strconv"
	"strings"

	"tote/agent/health"
)

// wornAt is how much of its life a disk may have used, in percent, before a new one
// is ordered.
const wornAt = 90

// Wear is what a disk says of its life.
type Wear struct {
	Used   int    // percent of its life, over 100 when it is past it; -1 = it does not say
	Failed bool   // by its own word it fails
	By     string // who says so
}

var errSilent = errors.New("the disk does not tell its wear")

func (p Patient) wear(ctx context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	if p.Machine.Device == nil {
		return one(Skipped, "", "the disk of data_dir is not known here")
	}
	number, err := p.Machine.Device(p.Config.DataDir)
	if err != nil {
		return unreadable(err)
	}
	disks, err := disksOf(p.Machine.Root, number)
	if err != nil {
		return one(Skipped, "", "%v", err)
	}
	var out []Finding
	for _, d := range disks {
		w, err := p.wearOf(ctx, d)
		switch {
		case err != nil:
			out = append(out, about(path.Base(d), one(Skipped, "", "%v", err))...)
		case w.Failed:
			out = append(out, about(path.Base(d), one(Broken, health.CodeDiskWorn, "it says itself that it fails (%s)", w.By))...)
		case w.Used >= wornAt:
			out = append(out, about(path.Base(d), one(Warning, health.CodeDiskWorn, "%d %% of its life is used (%s)", w.Used, w.By))...)
		default:
			out = append(out, about(path.Base(d), one(Fine, "", "%d %% of its life is used (%s)", w.Used, w.By))...)
		}
	}
	return out
}

// wearOf asks an eMMC by the kernel, which reads its EXT_CSD, and others by SMART.
func (p Patient) wearOf(ctx context.Context, disk string) (Wear, error) {
	if w, err := emmcWear(p.Machine.Root, disk); !errors.Is(err, errSilent) {
		return w, err
	}
	if strings.HasPrefix(path.Base(disk), "mmcblk") {
		return Wear{}, errors.New("an SD card does not tell its wear; an SSD or eMMC does, and lasts longer")
	}
	if p.Machine.Smart == nil {
		return Wear{}, errSilent
	}
	return p.Machine.Smart(ctx, "/dev/"+path.Base(disk))
}

// emmcWear reads the two estimates of an eMMC, in steps of 10 percent, and whether
// its spare blocks run out.
func emmcWear(root fs.FS, disk string) (Wear, error) {
	text, err := fs.ReadFile(root, disk+"/device/life_time")
	if err != nil {
		return Wear{}, errSilent
	}
	w := Wear{Used: -1, By: "eMMC life time"}
	for _, f := range strings.Fields(string(text)) {
		if n, err := strconv.ParseUint(f, 0, 8); err == nil && n > 0 {
			w.Used = max(w.Used, int(n)*10)
		}
	}
	if eol, err := fs.ReadFile(root, disk+"/device/pre_eol_info"); err == nil {
		switch n, _ := strconv.ParseUint(strings.TrimSpace(string(eol)), 0, 8); n {
		case 2: // 80 % of the spare blocks are used
			w.Used = max(w.Used, wornAt)
		case 3:
			w.Failed, w.By = true, "eMMC spare blocks"
		}
	}
	if w.Used < 0 && !w.Failed {
		return w, errSilent
	}
	return w, nil
}

// disksOf are the disks below a block device, as folders of sysfs: of a partition
// the disk, of an encrypted or joined one those it lies on.
func disksOf(root fs.FS, number string) ([]string, error) {
	if strings.HasPrefix(number, "0:") {
		return nil, fmt.Errorf("data_dir lies on no disk of this machine (device %s)", number)
	}
	link := "sys/dev/block/" + number
	to, err := fs.ReadLink(root, link)
	if err != nil {
		return nil, fmt.Errorf("the disk of data_dir: %w", err)
	}
	return climb(root, path.Join(path.Dir(link), to), 8)
}

func climb(root fs.FS, dir string, depth int) (out []string, err error) {
	if _, err := fs.Stat(root, dir+"/partition"); err == nil {
		dir = path.Dir(dir)
	}
	slaves, err := fs.ReadDir(root, dir+"/slaves")
	if err != nil || len(slaves) == 0 || depth == 0 {
		return []string{dir}, nil
	}
	for _, s := range slaves {
		to, err := fs.ReadLink(root, dir+"/slaves/"+s.Name())
		if err != nil {
			return nil, err
		}
		below, err := climb(root, path.Join(dir, "slaves", to), depth-1)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}

// smart asks smartctl, where it is installed and may read the disk.
func smart(ctx context.Context, disk string) (Wear, error) {
	program, err := exec.LookPath("smartctl")
	if err != nil {
		return Wear{}, errors.New("the disk tells its wear by SMART: install smartmontools")
	}
	text, err := exec.CommandContext(ctx, program, "-j", "-H", "-A", disk).Output()
	if len(text) == 0 { // its status has bits set also where the answer is whole
		return Wear{}, fmt.Errorf("smartctl %s: %w", disk, err)
	}
	return smartWear(text)
}

// smartWear reads what smartctl answers, of NVMe and of SATA.
func smartWear(text []byte) (Wear, error) {
	var s struct {
		Status *struct {
			Passed bool `json:"passed"`
		} `json:"smart_status"`
		NVMe *struct {
			Used int `json:"percentage_used"`
		} `json:"nvme_smart_health_information_log"`
		ATA struct {
			Table []struct {
				ID    int `json:"id"`
				Value int `json:"value"`
			} `json:"table"`
		} `json:"ata_smart_attributes"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return Wear{}, fmt.Errorf("smartctl: %w", err)
	}
	w := Wear{Used: -1, By: "SMART"}
	if s.NVMe != nil {
		w.Used = s.NVMe.Used
	}
	for _, a := range s.ATA.Table {
		switch a.ID { // wear levelling count, media wearout indicator, percent lifetime remaining
		case 177, 202, 231, 233:
			if a.Value > 0 && a.Value <= 100 {
				w.Used = max(w.Used, 100-a.Value)
			}
		}
	}
	w.Failed = s.Status != nil && !s.Status.Passed
	if s.Status == nil && w.Used < 0 {
		return w, errors.New("SMART tells nothing of the disk; run tote doctor as root")
	}
	w.Used = max(w.Used, 0)
	return w, nil
}
