//go:build race

package fault

func init() {
	runsPerCPU = 3 // They are busy then.
}
