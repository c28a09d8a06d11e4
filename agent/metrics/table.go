package metrics

// The table, in the order of the page.
var (
	Build   = &Metric{"tote_build_info", Gauge, "Always 1; the labels say which gateway this is and what it runs.", []string{"gateway", "version"}}
	Started = &Metric{"tote_start_time_seconds", Gauge, "When this process started, seconds since 1970.", nil}
	Ready   = &Metric{"tote_ready", Gauge, "1 when scans can be recorded now, as GET /readyz says.", nil}
	Memory  = &Metric{"tote_memory_bytes", Gauge, "Memory the process has from the system and has not given back, in bytes.", nil}
	Threads = &Metric{"tote_goroutines", Gauge, "Goroutines of the process.", nil}

	DeviceUp    = &Metric{"tote_device_up", Gauge, "1 when the device is ready, 0 when it is absent, opening or degraded.", []string{"device", "driver"}}
	DeviceSince = &Metric{"tote_device_state_seconds", Gauge, "How long the device has been in the state of the label, in seconds.", []string{"device", "state"}}

	Quorum   = &Metric{"tote_quorum", Gauge, "1 when the site can record something, as this gateway sees it.", nil}
	Leader   = &Metric{"tote_raft_leader", Gauge, "1 when this gateway leads.", nil}
	Term     = &Metric{"tote_raft_term", Gauge, "Raft term; one more for each election.", nil}
	Applied  = &Metric{"tote_raft_applied_index", Gauge, "Newest log entry that is in the state of this gateway.", nil}
	PeerUp   = &Metric{"tote_raft_peer_up", Gauge, "1 when this gateway hears the gateway of the label.", []string{"peer"}}
	Lag      = &Metric{"tote_raft_lag_entries", Gauge, "Log entries the gateway of the label is behind.", []string{"peer"}}
	Command  = &Metric{"tote_command_seconds", Buckets, "From the proposal of a command at this gateway to its answer, in seconds: recorded by a majority and applied.", nil}
	Sync     = &Metric{"tote_raft_fsync_seconds", Buckets, "Time of one synced write of the log, in seconds.", nil}
	Building = &Metric{"tote_rebuilding", Gauge, "1 while the state is built anew after an unclean stop.", nil}

	DiskFree   = &Metric{"tote_disk_free_bytes", Gauge, "Free space of the disk with data_dir, in bytes.", nil}
	DiskNeeded = &Metric{"tote_disk_needed_bytes", Gauge, "Free space below which new work is refused, in bytes.", nil}
	DiskSlow   = &Metric{"tote_disk_slow", Gauge, "1 when writes of the log take too long.", nil}

	Outbox    = &Metric{"tote_outbox_depth", Gauge, "Events that wait for the OMS of the label; the default OMS is default.", []string{"upstream"}}
	OutboxAge = &Metric{"tote_outbox_oldest_seconds", Gauge, "How long the oldest of them waits, in seconds; 0 when none does.", []string{"upstream"}}
	Connected = &Metric{"tote_upstream_connected", Gauge, "1 when both directions to the OMS of the label got through the last time; told by the gateway that leads.", []string{"upstream"}}

	Clients  = &Metric{"tote_mqtt_clients", Gauge, "MQTT clients connected now.", nil}
	Twice    = &Metric{"tote_mqtt_ids_used_twice", Gauge, "Client ids that more than one device uses now.", nil}
	Connects = &Metric{"tote_mqtt_connects_total", Counter, "MQTT clients that came.", nil}
	Refused  = &Metric{"tote_mqtt_refused_total", Counter, "MQTT connections refused: who they said they are, or too many.", nil}
	Denied   = &Metric{"tote_mqtt_denied_total", Counter, "Publishes and subscriptions outside the rights of a client.", nil}
	Commands = &Metric{"tote_mqtt_commands_total", Counter, "Commands of devices recorded and acknowledged.", nil}
	Withheld = &Metric{"tote_mqtt_withheld_total", Counter, "Commands of devices not recorded and not acknowledged; the device sends them again.", nil}
	Dropped  = &Metric{"tote_mqtt_dropped_total", Counter, "MQTT clients disconnected because they read too slowly.", nil}
	Unheard  = &Metric{"tote_mqtt_unheard_total", Counter, "Messages that the gateway itself was too slow to take.", nil}

	Trial       = &Metric{"tote_update_trial", Gauge, "1 while the version that runs is on trial.", nil}
	TakenBack   = &Metric{"tote_update_taken_back", Gauge, "1 when the last update of this gateway was taken back.", nil}
	LevelSite   = &Metric{"tote_feature_level", Gauge, "Feature level the site runs at.", nil}
	LevelSpoken = &Metric{"tote_feature_level_spoken", Gauge, "Feature level this version speaks; where the site stays below it, a gateway runs an older version.", nil}

	PortalWaits = &Metric{"tote_portal_waiting", Gauge, "Passes of an RFID portal that wait to be recorded.", []string{"dock"}}
	PortalLost  = &Metric{"tote_portal_lost_total", Counter, "Passes of an RFID portal never recorded: too many waited.", []string{"dock"}}
	PortalDrops = &Metric{"tote_portal_dropped_total", Counter, "Reads of an RFID portal that found a full queue.", []string{"dock"}}

	CertDays    = &Metric{"tote_certificate_days_left", Gauge, "Days until a certificate ends: site is that among the gateways, others by the address of their listener.", []string{"certificate"}}
	ClockOffset = &Metric{"tote_clock_offset_seconds", Gauge, "Clock of this gateway less the time of the site, in seconds.", nil}
	BackupAge   = &Metric{"tote_backup_age_seconds", Gauge, "Since this gateway last wrote a whole backup since its start, by hand or scheduled, in seconds.", nil}
	BackupSize  = &Metric{"tote_backup_bytes", Gauge, "Size of that backup, in bytes.", nil}

	ScheduledAge   = &Metric{"tote_scheduled_backup_age_seconds", Gauge, "Since the last good scheduled backup of the site, or since they are scheduled when there is none yet, in seconds.", nil}
	ScheduledEvery = &Metric{"tote_scheduled_backup_interval_seconds", Gauge, "How often one is wanted, in seconds.", nil}
	ScheduledFails = &Metric{"tote_scheduled_backup_failing", Gauge, "1 when the last try of this gateway gave none.", nil}
	ScheduledSize  = &Metric{"tote_scheduled_backup_bytes", Gauge, "Size of the last one, in bytes.", nil}

	Issues   = &Metric{"tote_issues", Gauge, "What is wrong now by its level, causes only; GET /v1/health lists them.", []string{"level"}}
	Fallouts = &Metric{"tote_fallouts_open", Gauge, "Open fallouts: what needs a decision of a person.", nil}
	Orders   = &Metric{"tote_orders", Gauge, "Orders by state.", []string{"state"}}
)

var all = []*Metric{
	Build, Started, Ready, Memory, Threads,
	DeviceUp, DeviceSince,
	Quorum, Leader, Term, Applied, PeerUp, Lag, Command, Sync, Building,
	DiskFree, DiskNeeded, DiskSlow,
	Outbox, OutboxAge, Connected,
	Clients, Twice, Connects, Refused, Denied, Commands, Withheld, Dropped, Unheard,
	Trial, TakenBack, LevelSite, LevelSpoken,
	PortalWaits, PortalLost, PortalDrops,
	CertDays, ClockOffset, BackupAge, BackupSize,
	ScheduledAge, ScheduledEvery, ScheduledFails, ScheduledSize,
	Issues, Fallouts, Orders,
}

// All is every metric there is.
func All() []*Metric { return all }
