package broker

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mqttbench/broker/packet"
	"mqttbench/broker/store"
)

// TestDiskFails has the disk of a running broker fail: from some moment on the kernel answers every sync with EIO. Nothing is
// acknowledged after that, by no kind of packet; whoever is connected is sent away; the broker ends, and says why in one line. What it had
// acknowledged before is there afterwards.
func TestDiskFails(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			v := newVictim(t, store.Fsync, d.name)
			cmd := v.command()
			cmd.Env = append(cmd.Env, failingDiskEnv+"=on demand")
			var said strings.Builder
			cmd.Stderr = &said
			order, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			lines := bufio.NewReader(out)
			url, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("the broker does not start: %v", cmd.Wait())
			}
			v.url = strings.TrimSpace(url)
			b := &bench{&Server{addrs: []string{v.url}}, t}
			kept := func(id string) *peer { return b.connect(packet.V5, id, resume, expiry(1000)) }

			sub := kept("sub")
			sub.subscribe("t", 2)
			sub.leave()
			one, two, three, four, bystander := kept("one"), kept("two"), kept("three"), kept("four"), b.connect(packet.V5, "bystander")
			const acked = 20
			for i := range acked {
				one.publish("t", fmt.Sprint(i), 1)
			}
			half := two.sendPublish("t", "half", 2)
			two.expectAck(packet.PUBREC, half)

			fmt.Fprintln(order, "fail")
			if answer, _ := lines.ReadString('\n'); answer != "failing\n" {
				t.Skip("system calls cannot be made to fail here: ", answer)
			}
			// All ask for something that must be durable first. Who comes late finds the connection closed.
			latest := b.dial(packet.V5)
			ask := map[*peer][]byte{
				one:    (&packet.Publish{Topic: []byte("t"), Payload: []byte("after, QoS 1"), QoS: 1, ID: 900}).Append(nil, packet.V5),
				two:    packet.AppendAck(nil, packet.V5, packet.PUBREL, half, 0),
				three:  (&packet.Publish{Topic: []byte("t"), Payload: []byte("after, QoS 2"), QoS: 2, ID: 900}).Append(nil, packet.V5),
				four:   (&packet.Subscribe{ID: 900, Subs: []packet.Subscription{{Filter: []byte("u"), QoS: 1}}}).Append(nil, packet.V5),
				latest: connecting("latest"),
			}
			for p, packets := range ask {
				p.net.Write(packets)
			}
			for p, who := range map[*peer]string{one: "QoS 1", two: "PUBREL", three: "QoS 2", four: "SUBSCRIBE", bystander: "bystander"} {
				for f, ok := p.read(); ok; f, ok = p.read() {
					if said := p.describe(f); !strings.HasPrefix(said, "DISCONNECT "+packet.ServerShuttingDown.String()) {
						t.Errorf("%s: got %s from a broker whose disk has failed", who, said)
					}
				}
			}
			if f, ok := latest.read(); ok { // Not even a DISCONNECT, [v5 MQTT-3.14.0-1].
				t.Errorf("CONNECT: got %s from a broker whose disk has failed", latest.describe(f))
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err = <-ended:
			case <-time.After(patience):
				t.Fatal("the broker goes on")
			}
			if text := strings.TrimSpace(said.String()); err == nil || !strings.Contains(text, "has stopped") ||
				!strings.Contains(text, unix.EIO.Error()) || strings.Contains(text, "\n") {
				t.Errorf("it ended with %v, and said %q", err, text)
			}

			v.start()
			defer v.kill()
			b.addrs = []string{v.url}
			sub, two = kept("sub"), kept("two")
			if !sub.connack.SessionPresent || !two.connack.SessionPresent {
				t.Error("a session is gone")
			}
			for i := range acked {
				sub.take("t", fmt.Sprint(i))
			}
			sub.take("t", "half")
			two.sendAck(packet.PUBREL, half, 0) // Again, as it had no answer.
			two.expectAck(packet.PUBCOMP, half)
			// What came after may have been written or not, but once at most, and nothing else.
			for sub.send(packet.AppendPing(nil, packet.PINGREQ)); ; {
				f, ok := sub.read()
				if !ok || f.Type == packet.PINGRESP {
					break
				}
				if got := sub.describe(f); !strings.Contains(got, `"after, QoS`) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
}

func connecting(id string) []byte {
	c := packet.Connect{Version: packet.V5, ClientID: []byte(id)}
	expiry(1000)(&c)
	return c.Append(nil)
}

// failSyncs has the kernel refuse the system calls that bring files to the disk, in all threads, with a seccomp filter.
func failSyncs() error {
	const number = 0 // Where the number of the call lies in what a filter is shown.
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	calls := []uint32{unix.SYS_FSYNC, unix.SYS_FDATASYNC}
	for i, call := range calls {
		refuse := uint8(len(calls) - i) // The last instruction but this one's way there.
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: refuse})
	}
	program = append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	// With TSYNC the threads take over from this one both the filter and that they can gain no privileges.
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}
