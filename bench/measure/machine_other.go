//go:build !linux

package measure

import "mqttbench/bench/result"

func describe(*result.Machine) {}
