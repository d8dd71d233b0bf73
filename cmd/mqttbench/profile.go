package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // Serves on the default mux, which only servePprof listens with.
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profiles are those of one process over the measured phase.
type profiles struct {
	dir, name string
	cpu       *os.File
}

// startProfiles begins NAME-cpu.pprof in dir and turns on the mutex and block profiles.
func startProfiles(dir, name string) (*profiles, error) {
	f, err := os.Create(filepath.Join(dir, name+"-cpu.pprof"))
	if err != nil {
		return nil, err
	}
	runtime.SetMutexProfileFraction(10)
	runtime.SetBlockProfileRate(100_000) // One sample per 0.1 ms blocked.
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return &profiles{dir, name, f}, nil
}

// stop writes them: cpu, heap (with allocs), mutex and block.
func (p *profiles) stop() error {
	pprof.StopCPUProfile()
	errs := []error{p.cpu.Close()}
	runtime.GC() // The heap profile is as of the last collection.
	for _, kind := range []string{"heap", "allocs", "mutex", "block"} {
		errs = append(errs, p.write(kind))
	}
	runtime.SetMutexProfileFraction(0)
	runtime.SetBlockProfileRate(0)
	return errors.Join(errs...)
}

func (p *profiles) write(kind string) error {
	f, err := os.Create(filepath.Join(p.dir, p.name+"-"+kind+".pprof"))
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(kind).WriteTo(f, 0), f.Close())
}

// servePprof serves live profiles for as long as the process lives. A failure is
// said, and does not end the run.
func servePprof(addr string, stderr io.Writer) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintf(stderr, "mqttbench: live profiles: %v\n", err)
		return
	}
	go http.Serve(l, nil)
}
