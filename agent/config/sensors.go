package config

import "tote/drivers/all"

// Sensor is a sensor of temperature.
type Sensor struct {
	ID         string  `yaml:"id" doc:"Id of the sensor, unique among stations, docks and sensors." form:"id" example:"cold1"`
	Driver     string  `yaml:"driver" doc:"Its driver, of the table in docs/devices.md." kind:"sensor" example:"xy-md02"`
	Serial     *Serial `yaml:"serial,omitempty" doc:"Where its bus is plugged in; one sensor for each port. Either this or tcp."`
	TCP        string  `yaml:"tcp,omitempty" doc:"host:port of a device server in raw mode. Either this or serial." form:"address" example:"192.0.2.40:4001"`
	Address    int     `yaml:"address,omitempty" doc:"Address of the sensor on its bus, 1 to 247." min:"1" max:"247" default:"1"`
	PerDegree  int     `yaml:"per_degree,omitempty" doc:"What the sensor counts for one degree, 10 or 100; both are sold under one name." enum:"10,100" default:"10"`
	IntervalMs int     `yaml:"interval_ms,omitempty" doc:"Time between two readings, in milliseconds, 100 to 60000." min:"100" max:"60000" default:"2000"`
	Dock       string  `yaml:"dock,omitempty" doc:"Dock whose goods it watches: cold goods are received and loaded there by its readings, as long as the site keeps readings (readingMs of the site file). Left out, it is only shown." form:"id" example:"dock1"`
}

func (k *checker) sensor(path string, s Sensor) {
	k.place(path, s.ID)
	k.driver(path+".driver", s.Driver, all.Names(all.Sensor)...)
	k.portOf(path, s.Serial, s.TCP)
	if s.Dock != "" {
		k.id(path+".dock", s.Dock)
	}
}
