package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"tote/agent/health"
)

// block is a machine whose device 179:2 is the second partition of a disk, and
// 253:0 an encrypted device on that.
func block(disk string, files map[string]string) fstest.MapFS {
	dir := "sys/devices/platform/mmc/" + disk
	m := fstest.MapFS{
		"sys/dev/block/179:2":                           {Data: []byte("../../devices/platform/mmc/" + disk + "/" + disk + "p2"), Mode: fs.ModeSymlink | 0o777},
		"sys/dev/block/253:0":                           {Data: []byte("../../devices/virtual/block/dm-0"), Mode: fs.ModeSymlink | 0o777},
		dir + "/" + disk + "p2/partition":               {Data: []byte("2\n")},
		"sys/devices/virtual/block/dm-0/slaves/" + disk: {Data: []byte("../../../../platform/mmc/" + disk + "/" + disk + "p2"), Mode: fs.ModeSymlink | 0o777},
		"sys/devices/virtual/block/dm-0/removable":      {Data: []byte("0\n")},
		dir + "/removable":                              {Data: []byte("0\n")},
	}
	for name, text := range files {
		m[dir+"/device/"+name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return m
}

func TestWear(t *testing.T) {
	const nvme = `{"smart_status":{"passed":true},"nvme_smart_health_information_log":{"percentage_used":97}}`
	for name, tc := range map[string]struct {
		disk, number string
		files        map[string]string
		smart        string
		level, text  string
	}{
		"a young eMMC":            {"mmcblk0", "179:2", map[string]string{"life_time": "0x01 0x02", "pre_eol_info": "0x01"}, "", Fine, "20 %"},
		"a worn eMMC":             {"mmcblk0", "179:2", map[string]string{"life_time": "0x0a 0x03", "pre_eol_info": "0x01"}, "", Warning, "100 %"},
		"past its life":           {"mmcblk0", "179:2", map[string]string{"life_time": "0x0b 0x01"}, "", Warning, "110 %"},
		"spare blocks run out":    {"mmcblk0", "179:2", map[string]string{"life_time": "0x02 0x02", "pre_eol_info": "0x02"}, "", Warning, "90 %"},
		"spare blocks are gone":   {"mmcblk0", "179:2", map[string]string{"life_time": "0x02 0x02", "pre_eol_info": "0x03"}, "", Broken, "fails"},
		"encrypted":               {"mmcblk0", "253:0", map[string]string{"life_time": "0x0a 0x03"}, "", Warning, "100 %"},
		"an eMMC that says not":   {"mmcblk0", "179:2", map[string]string{"life_time": "0x00 0x00"}, "", Skipped, "SD card"},
		"an SD card":              {"mmcblk0", "179:2", nil, "", Skipped, "SD card"},
		"NVMe by SMART":           {"nvme0n1", "179:2", nil, nvme, Warning, "97 %"},
		"SATA by SMART":           {"sda", "179:2", nil, `{"smart_status":{"passed":true},"ata_smart_attributes":{"table":[{"id":9,"value":1},{"id":231,"value":88}]}}`, Fine, "12 %"},
		"it fails by SMART":       {"sda", "179:2", nil, `{"smart_status":{"passed":false}}`, Broken, "fails"},
		"SMART says nothing":      {"sda", "179:2", nil, `{}`, Skipped, "as root"},
		"no smartctl":             {"sda", "179:2", nil, "", Skipped, "smartmontools"},
		"no disk of this machine": {"sda", "0:42", nil, "", Skipped, "no disk"},
		"no such device":          {"sda", "9:9", nil, "", Skipped, "9:9"},
	} {
		t.Run(name, func(t *testing.T) {
			p := well(t)
			p.Machine.Root = block(tc.disk, tc.files)
			p.Machine.Device = func(string) (string, error) { return tc.number, nil }
			p.Machine.Smart = func(_ context.Context, disk string) (Wear, error) {
				if disk != "/dev/"+tc.disk {
					t.Errorf("asked %s", disk)
				}
				if tc.smart == "" {
					return Wear{}, errors.New("install smartmontools")
				}
				return smartWear([]byte(tc.smart))
			}
			got := p.wear(t.Context())
			if len(got) != 1 || got[0].Level != tc.level || !strings.Contains(got[0].Text, tc.text) {
				t.Fatalf("%+v, want %s %q", got, tc.level, tc.text)
			}
			if (got[0].Code == health.CodeDiskWorn) != (tc.level == Warning || tc.level == Broken) {
				t.Errorf("code %s", got[0].Code)
			}
		})
	}
}
