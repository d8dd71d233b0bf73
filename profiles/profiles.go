// Package profiles holds the workloads that come with mqttbench, a YAML file each, and the JSON Schema of
// such files. Its files are for reading and for copying; package bench/profile says what they mean.
//
// The names say where a workload comes from: mqttbs-* are the use cases of the Open MQTT Benchmark
// Suite, w1 to w7 the reference measurements of this project, and each file has its source in it.
package profiles

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Schema is the JSON Schema (2020-12) of a profile, for editors that check and complete YAML.
//
//go:embed schema.json
var Schema []byte

const suffix = ".yaml"

// Names are the profiles in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // The files are part of the program.
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), suffix)
	}
	return names
}

// Text is the file of a profile; ok is false if there is none of that name.
func Text(name string) (text []byte, ok bool) {
	text, err := files.ReadFile(name + suffix)
	return text, err == nil
}
