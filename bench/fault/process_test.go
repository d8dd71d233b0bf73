package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttbench/broker"
)

// The test binary is a broker, too, when it is started with this in its environment.
const brokerAt = "FAULT_TEST_BROKER"

func init() {
	address := os.Getenv(brokerAt)
	if address == "" || len(os.Args) < 3 {
		return
	}
	switch os.Args[1] {
	case "silent":
		select {}
	case "mute": // It listens, and says nothing.
		l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
		for err == nil {
			_, err = l.Accept()
		}
		os.Exit(1)
	case "broken":
		os.Exit(3)
	}
	fmt.Println("I am", strings.Join(os.Args[1:], "|"))
	stop := make(chan os.Signal, 1)
	if os.Args[1] == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(stop, syscall.SIGTERM)
	}
	s, err := broker.New(broker.Options{Listen: []string{"tcp://127.0.0.1:" + os.Args[2]}}) // It answers from here on.
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	<-stop
	fmt.Println("good bye")
	os.Exit(0)
}

func start(t *testing.T, kind string, out *bytes.Buffer) *Process {
	t.Helper()
	t.Setenv(brokerAt, "yes")
	o := ProcessOptions{Command: os.Args[0] + ` ` + kind + ` {port} 'in quotes' "{port}"`, Exit: patience, Ready: patience}
	if kind == "stubborn" {
		o.Exit = 10 * silence
	}
	if out != nil {
		o.Output = out
	}
	p, err := StartProcess(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if alive(p.PID()) {
			t.Errorf("process %d was left behind", p.PID())
		}
	})
	return p
}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && runtime.GOOS != "windows" && p.Signal(syscall.Signal(0)) == nil
}

// TestProcess: a broker is started, killed, and started again where it was.
func TestProcess(t *testing.T) {
	var out bytes.Buffer
	p := start(t, "honest", &out)
	url, first := p.URL(), p.PID()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Ended():
	default:
		t.Fatal("it has not ended")
	}
	if alive(first) || greets(t.Context(), url) == nil {
		t.Fatal("it is still there")
	}
	if err := p.Kill(); err != nil {
		t.Fatalf("killing it twice: %v", err)
	}
	for range 2 { // The second time, it still runs.
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := greets(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	}
	if p.PID() == first || p.URL() != url {
		t.Error("it is the same process, or at another place")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	port := strings.TrimPrefix(url, "tcp://127.0.0.1:")
	if want := strings.Repeat("I am honest|"+port+"|in quotes|"+port+"\n", 3); out.String() != want {
		t.Errorf("it said %q, want %q", out.String(), want)
	}
}

func TestProcessSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals")
	}
	var out bytes.Buffer
	p := start(t, "honest", &out)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	// A stopped broker's kernel still accepts; nobody answers.
	ctx, cancel := context.WithTimeout(t.Context(), 2*silence)
	defer cancel()
	if err := greets(ctx, p.URL()); err == nil {
		t.Fatal("it answers, though it is stopped")
	}
	if err := p.Continue(); err != nil {
		t.Fatal(err)
	}
	if err := greets(t.Context(), p.URL()); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if err := p.Terminate(); err != nil { // Also while it is stopped.
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "good bye\n") {
		t.Errorf("it said %q: that was no orderly end", out.String())
	}
	if err := p.Stop(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("stopping what has ended: %v", err)
	}
	if err := p.Terminate(); err != nil {
		t.Error(err)
	}
}

func TestProcessThatWillNotEnd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals")
	}
	p := start(t, "stubborn", nil)
	if err := p.Terminate(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("Terminate says %v", err)
	}
	if alive(p.PID()) {
		t.Error("it is still there")
	}
}

// TestProcessGroup: if the command is a script, what the script has started ends with it.
func TestProcessGroup(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	t.Setenv(brokerAt, "yes")
	p, err := StartProcess(t.Context(), ProcessOptions{Command: `sh -c '` + os.Args[0] + ` honest {port}; true'`})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); greets(t.Context(), p.URL()) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the broker has survived its shell")
		}
	}
}

func TestProcessThatDoesNotStart(t *testing.T) {
	t.Setenv(brokerAt, "yes")
	for _, tc := range []struct {
		command, want string
		ready         time.Duration
	}{
		{os.Args[0] + " broken {port}", "it ended: exit status 3", patience},
		{os.Args[0] + " silent {port}", "does not answer", 5 * silence},
		{os.Args[0] + " mute {port}", "no CONNACK", 250 * time.Millisecond},
		{"/does/not/exist {port}", "starting the broker", patience},
		{"", "empty", patience},
		{"mosquitto -c 'it", "quotation mark", patience},
	} {
		p, err := StartProcess(t.Context(), ProcessOptions{Command: tc.command, Ready: tc.ready})
		for strings.HasPrefix(tc.want, "no CONNACK") && err != nil && !strings.Contains(err.Error(), tc.want) && tc.ready < patience {
			tc.ready *= 2 // It must listen by then.
			p, err = StartProcess(t.Context(), ProcessOptions{Command: tc.command, Ready: tc.ready})
		}
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.command, err, tc.want)
		}
	}
}

func TestWords(t *testing.T) {
	got, err := words(` a  "b c" d'e  f'g '' "it's"	h `)
	if want := []string{"a", "b c", "de  fg", "", "it's", "h"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
