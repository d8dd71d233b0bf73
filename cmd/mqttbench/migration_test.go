package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// emqttBench and mqttxBench are the options of those tools, as their own help has them.
const (
	emqttBench = `--dist --host --port --version --count --connrate --interval --ifaddr --prefix --shortids --startnumber --num-retry-connect --reconnect --ssl
		--ssl-version --cacertfile --certfile --keyfile --ciphers --signature-algs --keyex-algs --quic --ws --load-qst --username --password --keepalive --clean
		--session-expiry --lowmem --force-major-gc-interval --qoe --qoelog --prometheus --restapi --log_to --interval_of_msg --topic --payload-hdrs --size --message
		--topics-payload --qos --retain --limit --inflight --wait-before-publishing --max-random-wait --min-random-wait --retry-interval --keep-connected`
	mqttxBench = `--count --interval --mqtt-version --hostname --port --client-id --no-clean --keepalive --username --password --protocol --path --ws-headers --key --cert --ca
		--insecure --alpn --reconnect-period --maximum-reconnect-times --session-expiry-interval --receive-maximum --maximum-packet-size --topic-alias-maximum --req-response-info
		--no-req-problem-info --conn-user-properties --authentication-method --save-options --load-options --message-interval --limit --topic --message --qos --retain --dup
		--topic-alias --user-properties --subscription-identifier --file-read --split --payload-size --verbose --no_local --retain-as-published --retain-handling`
)

var quotedFlag = regexp.MustCompile("`(--[a-z][A-Za-z0-9_-]*)`")

// TestMigration: every flag of ours that the table names exists, every option of theirs is in it once, and every row says either what it is called here or
// that it is not.
func TestMigration(t *testing.T) {
	text, err := os.ReadFile("../../profiles/MIGRATION.md")
	if err != nil {
		t.Fatal(err)
	}
	var s settings
	ours := s.flags()
	theirs := map[string]map[string]int{}
	section := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
			theirs[section] = map[string]int{}
		}
		cells := strings.Split(line, "|")
		if section == "" || len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		for _, m := range quotedFlag.FindAllStringSubmatch(cells[1], -1) {
			theirs[section][m[1]]++
		}
		named := quotedFlag.FindAllStringSubmatch(cells[2]+cells[3], -1)
		if here := strings.TrimSpace(cells[2]); here != "none" && !strings.Contains(here, "`--") {
			t.Errorf("%s neither has a counterpart nor says that there is none", cells[1])
		}
		for _, m := range named {
			if ours.Lookup(strings.TrimPrefix(m[1], "--")) == nil {
				t.Errorf("%s: there is no flag %s", cells[1], m[1])
			}
		}
	}
	for tool, options := range map[string]string{"emqtt_bench": emqttBench, "mqttx bench": mqttxBench} {
		for _, o := range strings.Fields(options) {
			if theirs[tool][o] != 1 {
				t.Errorf("%s: %s is there %d times", tool, o, theirs[tool][o])
			}
		}
	}
	for theirs := range aliases {
		if ours.Lookup(theirs) == nil {
			t.Errorf("--%s is not understood", theirs)
		}
	}
}
