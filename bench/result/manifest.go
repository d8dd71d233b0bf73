package result

import (
	"encoding/json"
	"time"
)

// Format and Version stand in the first line of every result file.
const (
	Format  = "mqttbench-result"
	Version = 1
)

// A Manifest says what was run, against what, and on what: all that somebody needs who finds the
// file in ten years and wants to know whether his own figures may be set beside it.
type Manifest struct {
	RunID      string    `json:"run_id"`
	Start      time.Time `json:"start"`                // UTC; the zero of all times in the file.
	Repetition int       `json:"repetition,omitempty"` // 1-based place in an interleaved series; 0: a single run. Pairs runs of two groups.
	Tool       Tool      `json:"tool"`

	Command []string          `json:"command"`           // As typed, secrets removed by the caller.
	Flags   map[string]string `json:"flags,omitempty"`   // Every flag with the value it had.
	Profile string            `json:"profile,omitempty"` // The name of the profile, if any.
	Plan    json.RawMessage   `json:"plan,omitempty"`    // The settled plan, verbatim.
	Seed    uint64            `json:"seed,string"`       // A string in the file: JSON readers round numbers beyond 2^53.

	Workload Workload `json:"workload"`
	Broker   Broker   `json:"broker"`
	Machine  Machine  `json:"machine"` // Of the generator, and of the broker too where CoLocated.

	Calibration *Calibration `json:"calibration,omitempty"` // nil: this machine has not been calibrated, or not for such a run.
}

// A Calibration is what generator and kernel can do by themselves on this machine, with messages like those of the run: what a broker could
// at best look like here.
type Calibration struct {
	Ceiling   float64 `json:"generator_ceiling_per_s"`       // Messages a second of the generator against a broker that does next to nothing.
	Generator float64 `json:"generator_cpu_s_per_message"`   // CPU time of the generator for one of them, sending and receiving.
	Null      float64 `json:"null_broker_cpu_s_per_message"` // CPU time of that broker.
	Relay     float64 `json:"relay_cpu_s_per_message"`       // CPU time of a process that only moves the bytes of a message: the kernel's floor.
	RelayPeer float64 `json:"relay_peer_cpu_s_per_message"`  // CPU time of who sends to it and receives from it.
}

// Tool is the program that made the file.
type Tool struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	GoVersion string `json:"go_version"`
}

// A Workload is the plan in the few numbers that decide whether two runs may be compared.
type Workload struct {
	Load          string  `json:"load"`                     // "open" or "closed".
	Arrivals      string  `json:"arrivals,omitempty"`       // "constant", "poisson", "burst".
	Rate          float64 `json:"rate_per_s"`               // Messages offered a second, all publishers together; 0: no publishing, or closed.
	QoS           []int   `json:"qos"`                      // Levels published with, ascending.
	SubscribeQoS  []int   `json:"subscribe_qos,omitempty"`  // Levels subscribed with, if others.
	PayloadBytes  int     `json:"payload_bytes"`            // Of the Application Message, stamp included. The mean if they vary.
	MQTTVersion   string  `json:"mqtt_version"`             // "3.1.1" or "5.0".
	Transport     string  `json:"transport"`                // "tcp", "tls", "ws", "unix", ...
	Insecure      bool    `json:"insecure,omitempty"`       // The server's certificate was not verified.
	Engine        string  `json:"engine,omitempty"`         // "native" or "paho".
	Clients       int     `json:"clients"`                  // Network Connections in all.
	Publishers    int     `json:"publishers"`               //
	Subscribers   int     `json:"subscribers"`              //
	Topics        int     `json:"topics"`                   //
	FanOut        float64 `json:"fan_out"`                  // Expected deliveries per message.
	Window        int     `json:"window,omitempty"`         // QoS 1 and 2 messages in flight per client.
	WarmUp        float64 `json:"warm_up_s"`                //
	Duration      float64 `json:"duration_s"`               // Of the measure phase, planned.
	ChurnPerSec   float64 `json:"churn_per_s,omitempty"`    // Connections ended a second; 0: none.
	Offline       float64 `json:"offline_s,omitempty"`      // How long all subscribers are away together; 0: never.
	ConnectPerSec float64 `json:"connect_per_s,omitempty"`  // Connections begun a second at first; 0: as fast as may be.
	CleanStart    bool    `json:"clean_start"`              //
	Faults        string  `json:"faults,omitempty"`         // As the command line put them, joined by spaces.
	SharedMembers int     `json:"shared_members,omitempty"` // Of each shared subscription; 0: none.
}

// Broker is the program under test.
type Broker struct {
	URL       string            `json:"url"`
	Name      string            `json:"name,omitempty"`    // "mosquitto"; "mqttbroker" for the reference broker; empty: unknown.
	Version   string            `json:"version,omitempty"` // As it says itself, or as the user said.
	BuiltIn   bool              `json:"built_in"`          // The reference broker, started by this run as a child process.
	Driver    string            `json:"driver,omitempty"`  // Reference broker: "epoll" or "net".
	Loops     int               `json:"loops,omitempty"`   // Reference broker: event loops.
	Durable   string            `json:"durable,omitempty"` // "" memory, "os", "fsync".
	PID       int               `json:"pid,omitempty"`     // 0: not on this machine, or not known; then there are no cost figures.
	CoLocated bool              `json:"co_located"`        // Shares the machine with the generator.
	CPUs      string            `json:"cpus,omitempty"`    // cpuset, "0-1".
	Config    map[string]string `json:"config,omitempty"`  // Whatever differs from its defaults.
}

// Machine is a computer, as far as it shows in latencies.
type Machine struct {
	CPU               string `json:"cpu"` // Model name.
	Cores             int    `json:"cores"`
	MemoryBytes       int64  `json:"memory_bytes"`
	OS                string `json:"os"`     // "linux/amd64".
	Kernel            string `json:"kernel"` // uname -r.
	CongestionControl string `json:"congestion_control,omitempty"`
	FileLimit         int64  `json:"file_limit,omitempty"` // RLIMIT_NOFILE, soft.
	Virtual           string `json:"virtual,omitempty"`    // "kvm", "docker", ...; empty: none seen.
	Governor          string `json:"governor,omitempty"`   // CPU frequency governor.
	GeneratorCPUs     string `json:"generator_cpus,omitempty"`
}
