//go:build race

package fault

func init() { runsPerCPU = 4 } // They are busy then.
