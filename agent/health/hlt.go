package health

// Codes of what the doctor finds (`tote doctor`), where no other package has one
// for it.
const (
	CodeCheckHangs  = "HLT-101"
	CodeSpaceShort  = "HLT-102"
	CodeSpaceGone   = "HLT-103"
	CodeInodes      = "HLT-104"
	CodeSyncSlow    = "HLT-105"
	CodeNoWrite     = "HLT-106"
	CodeClockNoSync = "HLT-110"
	CodeClockOff    = "HLT-111"
	CodeCertSoon    = "HLT-120"
	CodeCertOver    = "HLT-121"
	CodeCertBad     = "HLT-122"
	CodePortGone    = "HLT-130"
	CodePortHeld    = "HLT-131"
	CodeDeviceDown  = "HLT-132"
	CodeHubGone     = "HLT-133"
	CodeNoUSBSerial = "HLT-134"
	CodeBrokerDown  = "HLT-135"
	CodeOMSDown     = "HLT-136"
	CodeMachineDown = "HLT-137"
	CodeDiskWorn    = "HLT-138"
	CodePartFails   = "HLT-139"
	CodeAgentDown   = "HLT-140"
	CodeNotReady    = "HLT-141"
	CodeConfigBad   = "HLT-142"
	CodeBackupOld   = "HLT-143"
	CodeNoQuorum    = "HLT-150"
	CodeGatewayGone = "HLT-151"
	CodeNoNetwork   = "HLT-152"
	CodeOutboxOld   = "HLT-160"
	CodeMQTTDrops   = "HLT-161"
)

var doctorFaults = []own{
	{CodeCheckHangs, "A check of the doctor gave no answer in its time.", "What it asks hangs: a disk, a port or a gateway. Look at the kernel's log (dmesg) and run tote doctor again."},
	{CodeSpaceShort, "The disk of data_dir runs short of space.", "Free space before new work is refused; journalctl --vacuum-size=100M is often enough."},
	{CodeSpaceGone, "The disk of data_dir is full.", "Free space now: below the bound new work is refused, and a full disk stops the gateway."},
	{CodeInodes, "The file system of data_dir has few inodes left: no files can be made though there is space.", "Remove the many small files, often mail or caches, from that file system."},
	{CodeSyncSlow, "A synced write to the disk of data_dir takes long.", "Find what else writes to the disk; a worn SD card is replaced by an SSD or eMMC."},
	{CodeNoWrite, "Nothing can be written to data_dir, though it is there.", "Run tote doctor as root or as the owner of data_dir; when it still fails, the disk went read-only: see dmesg and replace it."},
	{CodeClockNoSync, "The clock of this machine is not kept by a time service.", "Turn one on (timedatectl set-ntp true) and let it reach a time server of the site."},
	{CodeClockOff, "The clock of this machine differs from the time of the site.", "Let the time service set it (timedatectl). The site's own time goes on rightly; logs, and TLS to the OMS, suffer."},
	{CodeCertSoon, "A certificate ends soon.", "That of the site renews itself while the gateways reach each other: see why not. One of a listener is renewed by hand."},
	{CodeCertOver, "A certificate has ended.", "Renew it; for that of the site see docs/cluster.md."},
	{CodeCertBad, "A certificate cannot be read.", "Check the path and its rights, and that it is PEM; run tote doctor as root or as the owner of data_dir."},
	{CodePortGone, "The port of a device is not there.", "Check the cable and the plug; tote devices list shows what is plugged in."},
	{CodePortHeld, "Another program holds the port of a device.", "Stop that program, or remove its use of the port."},
	{CodeDeviceDown, "A device is not ready; the text has its own code.", "Do what the code of the device says (docs/faults.md)."},
	{CodeHubGone, "Several USB devices are gone at once: all behind one hub, or all there are.", "Check the power and the cable of the USB hub; a hub on bus power gives too little for readers and printers."},
	{CodeNoUSBSerial, "No driver for USB serial ports is loaded, so the service gets no right to ports plugged in later.", "Run modprobe usbserial ftdi_sio cp210x ch341 pl2303 cdc_acm one by one, see modules-load.d/tote.conf, then restart the service."},
	{CodeBrokerDown, "The MQTT broker of this gateway does not move.", "Restart the agent (systemctl restart tote); with systemd it is killed and started by itself within a minute. Devices go on at another gateway."},
	{CodeOMSDown, "The OMS does not answer.", "The floor works on and everything is sent later. Look whether the OMS runs and the network to it is up; tote status shows the last error."},
	{CodeMachineDown, "A robot or conveyor cannot work or is not heard.", "See its row on the console for its own code; look whether it has power and network."},
	{CodeDiskWorn, "The disk of data_dir is near the end of its life.", "Replace it soon, one gateway at a time: docs/cluster.md says how. Until then the copies on the other gateways keep the site safe."},
	{CodePartFails, "A part of the agent fails again and again; the others work on.", "Look into its journal (journalctl -u tote -p warning) and report it with tote doctor --bundle."},
	{CodeAgentDown, "The agent does not answer.", "systemctl status tote and journalctl -u tote say why; start it with systemctl start tote. If it runs, see --api and --http-token."},
	{CodeNotReady, "The agent runs and cannot record scans now.", "Read the text; when it starts, wait."},
	{CodeConfigBad, "The configuration is not valid or not there.", "tote validate FILE shows line and column."},
	{CodeBackupOld, "The last good scheduled backup is older than twice its interval, or there is none yet.", "The text says what failed last; docs/backup.md. Until it works, make one by hand: tote backup create FILE, and keep it elsewhere."},
	{CodeNoQuorum, "Fewer than half of the gateways hear each other: nothing can be recorded.", "Start the other gateways or mend the network between them; work goes on by itself."},
	{CodeGatewayGone, "Another gateway of the site is not reached.", "Start it or mend the network to it; a dead one is replaced with `tote cluster replace NAME`."},
	{CodeNoNetwork, "This machine has no network: no interface but loopback is up with an address.", "Check the network cable and the switch."},
	{CodeOutboxOld, "Events wait long for an OMS.", "Look at the internet line, the token and the OMS (tote status). The floor goes on working."},
	{CodeMQTTDrops, "MQTT clients were disconnected because they read too slowly, or messages were not heard.", "Look at the wireless network where the clients are, and at the load of the gateway."},
}
