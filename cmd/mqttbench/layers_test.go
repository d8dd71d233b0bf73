package main

import (
	"os/exec"
	"sort"
	"strings"
	"testing"
)

// layers is the architecture: what each package imports from outside the
// standard library ("mqttbench/" is left out of our own names). The table is
// exact in both directions, so it can be read in place of a diagram: an import
// that is not here fails the test, and so does a line that is no longer true.
// Adding an edge is a design decision, not a way to make a build pass.
//
// Files for Linux count; the other systems import a subset.
var layers = `
broker/packet:
broker/topic:
broker/scram:       github.com/xdg-go/scram
broker/auth:        broker/scram golang.org/x/crypto/argon2
broker/session:     broker/packet
broker/journal:     broker/packet broker/session
broker/store:       github.com/cockroachdb/pebble/v2
broker/transport:   github.com/gobwas/ws golang.org/x/sys/unix
broker:             broker/auth broker/journal broker/packet broker/session broker/store broker/topic broker/transport
broker/metrics:     broker broker/store broker/transport github.com/prometheus/client_golang

bench/plan:         broker/packet
bench/strict:       github.com/goccy/go-yaml
bench/profile:      bench/strict github.com/goccy/go-yaml
bench/client:       broker/packet broker/scram broker/transport
bench/client/paho:  bench/client broker/packet broker/transport github.com/eclipse/paho.mqtt.golang
bench/measure:      bench/client bench/plan bench/result broker/packet github.com/HdrHistogram/hdrhistogram-go github.com/prometheus/procfs
bench/result:       github.com/HdrHistogram/hdrhistogram-go
bench/fault:        broker/packet broker/transport
bench/series:       bench/result
bench/metrics:      bench/result github.com/prometheus/client_golang
bench/report:       bench/result github.com/google/pprof/profile golang.org/x/image/font gonum.org/v1/plot
bench:              bench/client bench/measure bench/plan bench/result broker/packet broker/transport

profiles:

cmd/mqttbroker:     bench/strict broker broker/auth broker/metrics broker/packet broker/session broker/store broker/transport github.com/goccy/go-yaml github.com/spf13/pflag golang.org/x/term
cmd/mqttbench:      bench bench/client bench/client/paho bench/fault bench/measure bench/metrics bench/plan bench/profile bench/report bench/result bench/series bench/strict broker broker/packet broker/scram broker/transport github.com/spf13/pflag golang.org/x/sys/unix golang.org/x/term profiles
`

// An import of any package of these modules counts as the module.
var modules = []string{"gonum.org/v1/plot", "golang.org/x/sys/unix", "github.com/prometheus/procfs", "github.com/eclipse/paho.mqtt.golang", "github.com/cockroachdb/pebble/v2", "github.com/goccy/go-yaml", "github.com/prometheus/client_golang"}

func TestLayers(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for line := range strings.Lines(layers) {
		name, imports, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok {
			want[name] = strings.Join(strings.Fields(imports), " ")
		}
	}
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, "mqttbench/...")
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "GOARCH=amd64")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		name, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		name = strings.TrimPrefix(name, "mqttbench/")
		got := outside(strings.Fields(imports))
		if _, ok := want[name]; !ok {
			t.Errorf("package %s is not in the table; it imports %q", name, got)
			continue
		}
		if got != want[name] {
			t.Errorf("package %s imports\n\t%s\nthe table says\n\t%s", name, got, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("the table has %s, which does not exist", name)
	}
}

// outside keeps the imports that are not the standard library's, shortened.
func outside(imports []string) string {
	seen := map[string]bool{}
	for _, path := range imports {
		first, _, _ := strings.Cut(path, "/")
		ours, isOurs := strings.CutPrefix(path, "mqttbench/")
		switch {
		case isOurs:
			path = ours
		case !strings.Contains(first, "."):
			continue
		}
		for _, m := range modules {
			if strings.HasPrefix(path, m) {
				path = m
			}
		}
		seen[path] = true
	}
	var list []string
	for path := range seen {
		list = append(list, path)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}
