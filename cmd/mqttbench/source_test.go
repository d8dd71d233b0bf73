package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestVictimCommand: the folder of a broker that is to be killed may have quotation marks and spaces in its name.
func TestVictimCommand(t *testing.T) {
	t.Parallel()
	want := childOptions{Listen: "tcp://127.0.0.1:{port}", Data: `/tmp/O'Hare and "sons"/broker-data`, Alone: true}
	command, err := victimCommand("/bin/mqttbench", want)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(command, "'") // fault.ProcessOptions.Command: what stands in ' stays together.
	if len(parts) != 3 || parts[0] != `"/bin/mqttbench" `+childCommand+" " || parts[2] != "" {
		t.Fatalf("%s", command)
	}
	var got childOptions
	if err := json.Unmarshal([]byte(parts[1]), &got); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}
