package measure

import (
	"runtime"

	"mqttbench/bench/result"
)

// DescribeMachine returns what this machine is, for the manifest. What cannot be found out is left
// empty.
func DescribeMachine() result.Machine {
	m := result.Machine{
		Cores: runtime.NumCPU(),
		OS:    runtime.GOOS + "/" + runtime.GOARCH,
	}
	describe(&m)
	return m
}
