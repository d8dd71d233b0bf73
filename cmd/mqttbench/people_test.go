package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
)

// TestCredentials: strictly read, and what is wrong has its file and line.
func TestCredentials(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"", "f.csv: there are no credentials"},
		{"a\n", "f.csv:1: 1 fields"},
		{"a,b\nc,d,e\n", "f.csv:2: 3 fields, and 2 in the lines before"},
		{"a,b,c,d\n", "f.csv:1: 4 fields"},
		{"a,b\n,d\n", "f.csv:2: no user name"},
		{"a,b,x\nc,d,\n", "f.csv:2: no client id"},
		{"a,b,x\nc,d,y\ne,f,x\n", `f.csv:3: client id "x" is in line 1 too`},
		{"a,b\n\"c,d\n", `f.csv:2:6: extraneous or missing " in quoted-field`},
		{"a,b\n\nc,\"d\"x\n", `f.csv:3:`},
	} {
		if _, err := readCredentials("f.csv", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want one line with %q", c.text, err, c.says)
		}
	}
	got, err := readCredentials("f.csv", []byte("a,\"b,\"\"c\",x\nd,,y\n"))
	if err != nil || len(got) != 2 || got[0] != (credential{"a", `b,"c`, "x"}) || got[1] != (credential{"d", "", "y"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestPeopleNonsense: one line each.
func TestPeopleNonsense(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"two.csv": "a,b\nc,d\n", "empty": "", "body": "xyz"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ args, says string }{
		{"--credentials two.csv --clients 10", "two.csv: 2 lines for 10 clients"},
		{"--credentials nowhere.csv", "--credentials: open nowhere.csv"},
		{"--credentials two.csv --username x --clients 2", "exclude it"},
		{"--message x --payload 20", "says how long messages are"},
		{"--message %x", "message template"},
		{"--message-file empty", "empty is empty"},
		{"--message-file nowhere", "--message-file: open"},
		{"--group name=a", "has a name= and a count="},
		{"--group nam=a,count=1", `unknown key "nam"; did you mean "name"?`},
		{"--group name=a,count=x", `count: "x" is no whole number`},
		{"--group name=a,count=2", "no flow says what they do"},
		{"--group name=a,count=2 --flow from=a,to=b,rate=1", `there is no group "b"`},
		{"--group name=a,count=2 --flow from=a,to=a,rate=x", `"x" is not a number`},
		{"--group name=a,count=2 --flow from=a,to=a,qos=3", "a QoS is 0, 1 or 2"},
		{"--group name=a,count=2 --flow from=a,to=a,rate=1 --rate 5", "--rate is for a run without --group and --flow"},
		{"--group name=a,count=2 --flow from=a,to=a,rate=1e12", "rate of all flows: 1e+12: nobody publishes more"},
		{"--stages 5s", "TIME@RATE"},
		{"--stages 5s@10 --rate 10", "exclude each other"},
		{"--stages 5s@0", "the stages have no messages"},
		{"--limit 10 --closed", "a number of messages"},
		{"--payload 100 --payload-max 50", "is less than --payload"},
		{"--client-id x%i --prefix y", "--client-id says it all"},
		{"--client-id me", "would be one"},
		{"--topic a/%x/%i", "followed by none of"},
		{"--topic-alias", "needs --mqtt 5"},
		{"--will-delay 1s --will-watchers 1", "needs --mqtt 5"},
		{"--user-property x --mqtt 5", "is not NAME=VALUE"},
		{"--will-qos 2", "nobody would see the wills"},
		{"--readers-count 1", "nothing is published with RETAIN"},
		{"--readers-qos 1", "without --readers-count"},
		{"--offline-abrupt", "without --offline-for"},
		{"--retain-handling 3 --mqtt 5", "there are 0, 1 and 2"},
		{"--slo p99", "--slo: "},
		{"--short-ids --fault drop:PUBLISH:to=subscriber:nth=1", "say a pattern of them"},
		{"--decoys 1001", "1001 decoys"},
		{"--rate 1e300", "--rate 1e+300: nobody publishes more"},
		{"--churn-takeover 1", "--churn-takeover without --churn"},
		{"--churn 5 --churn-takeover 2", "it is a share, 0 to 1"},
		{"--churn 5 --churn-takeover 1 --client paho", "use --client native"},
		{"--offline at=1s", "for= is missing"},
		{"--offline at=1s,fro=2s", `unknown key "fro"; did you mean "for"?`},
		{"--offline at=1s,for=2s --offline at=2s,for=1s", "one must follow the other"},
		{"--offline at=1s,for=2s --offline-for 1s", "exclude each other"},
		{"--offline at=1s,for=2s,who=me", `"me"`},
		{"--flap-for 1s", "without --flap"},
		{"--flap 5 --closed", "a closed loop"},
		{"--flap -1", "more than 0 a second"},
		{"--will-content-type x --will-watchers 1", "needs --mqtt 5"},
		{"--will-utf8 --mqtt 5", "nobody would see the wills"},
		{"--will-user-property x --will-watchers 1 --mqtt 5", "is not NAME=VALUE"},
		{"--will-response-topic a/# --will-watchers 1 --mqtt 5", "contains a wildcard"},
		{"--ws-header X --transport ws", "is not Name: value"},
		{"--ws-header X:y", "is for brokers at ws://"},
		{"--ws-header Upgrade:y --transport ws", "the handshake sets that itself"},
		{"--alpn mqtt", "are for brokers at tls://"},
		{"--server-name x --broker tcp://127.0.0.1:1", "are for brokers at tls://"},
	} {
		code, stdout, stderr := mqttbench(t.Context(), strings.Fields(c.args)...)
		if code != exitInput || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: exit code %d, said %q and %q; want one line with %q", c.args, code, stderr, stdout, c.says)
		}
	}
}

// TestPeople: names, credentials, wills, properties and a body of the user's own arrive in a run against a broker that checks who comes.
func TestPeople(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	csv, body := filepath.Join(dir, "people.csv"), filepath.Join(dir, "body")
	var lines strings.Builder
	for i := range 12 {
		lines.WriteString("user" + string(rune('a'+i)) + ",pass" + string(rune('a'+i)) + ",id" + string(rune('a'+i)) + "\n")
	}
	for name, text := range map[string]string{csv: lines.String(), body: "{\"x\":1}"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := broker.New(broker.Options{Listen: []string{"tcp://127.0.0.1:0"}})
	if err == nil {
		err = b.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	out := filepath.Join(dir, "run")
	code, stdout, stderr := mqttbench(t.Context(), "--broker", b.Addrs()[0], "--mqtt", "5", "--qos", "1", "--clients", "10", "--rate", "200", "--warmup", "100ms", "--limit", "100",
		"--credentials", csv, "--message-file", body, "--payload", "16", "--payload-max", "200", "--topic", "t/%u/%s/%c", "--topic-alias", "--user-property", "a=b",
		"--message-expiry", "1m", "--message-content-type", "text/plain", "--subscription-id", "7", "--will-watchers", "2", "--offline-for", "150ms", "--offline-abrupt", "--offline-who", "publishers",
		"--retain-handling", "1", "--connect-user-property", "c=d", "--request-response-info", "--request-problem-info=false", "--slo", "delivered>=1,max<1h", "--quiet", "--charts=false", "--out", out)
	if !measured(code) || !strings.Contains(stdout, "10 received of 10 that 2 watchers were owed") || !strings.Contains(stdout, "delivered>=1,max<1h: met") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	var p plan.Plan
	if err := json.Unmarshal(r.Manifest.Plan, &p); err != nil || p.Duration.String() != "500ms" || r.Summary.Measured.Offered < 90 || r.Summary.Measured.Offered > 110 {
		t.Errorf("%v: %v, %d offered, want 100", err, p.Duration, r.Summary.Measured.Offered)
	}
	text, _ := os.ReadFile(filepath.Join(out, result.ResultFile))
	if strings.Contains(string(text), "passa") {
		t.Error("a password is in the result file")
	}
}

// TestMessageTemplate: what a template makes arrives as it was sent, at every length.
func TestMessageTemplate(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := mqttbench(t.Context(), "--qos", "1", "--clients", "4", "--rate", "400", "--warmup", "0s", "--duration", "400ms", "--message", "%s of %c, %rand_9", "--quiet", "--charts=false", "--out", out)
	r, err := result.Read(out)
	if err != nil || !measured(code) {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if c := r.Summary.Contracts[0]; c.Delivered != c.Expected || c.Delivered < 150 || len(c.Findings) > 0 {
		t.Errorf("%+v", c)
	}
}

// TestSLOMissed: an objective that is not met is exit code 1, says why, and is kept.
func TestSLOMissed(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	out := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := mqttbench(t.Context(), "--clients", "4", "--rate", "100", "--warmup", "0s", "--duration", "300ms", "--slo", "max<1ns", "--quiet", "--charts=false", "--out", out)
	if code != exitBroken || !strings.Contains(stdout, "max<1ns: NOT met: max ") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if r, err := result.Read(out); err != nil || r.Summary.Objectives == nil || r.Summary.Objectives.Met {
		t.Errorf("%v: %+v", err, r)
	}
}

// TestShippedScenarios: the table has a line for each scenario that is asked for and a cell for each broker; every one that is listed exists and
// can be made small.
func TestShippedScenarios(t *testing.T) {
	t.Parallel()
	for _, x := range shippedScenarios {
		p, err := shipped(x.profile)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range p.Variants {
			parsed(t, append([]string{x.profile + "/" + v.Name}, strings.Fields(x.small)...)...)
		}
	}
	code, stdout, stderr := mqttbench(t.Context(), "scenarios", "--shipped", "--only", "will-storm/orderly", "--broker", "builtin", "--broker", "two=builtin")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != 0 || len(lines) != 3 || strings.Count(lines[2], "kept") != 2 || strings.Count(lines[2], "wills 0/0") != 2 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
