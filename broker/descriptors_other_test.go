//go:build !unix

package broker

// descriptorLimit is a guess where there is no such limit.
func descriptorLimit() int { return 4096 }
