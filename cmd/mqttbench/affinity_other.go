//go:build !linux

package main

import "errors"

func pin(int, string) error { return errors.New("pinning to CPUs is possible on Linux only") }
