package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listenerPID finds the process that listens on a broker's port, if the broker is on this machine and may be
// looked at; 0: not found.
func listenerPID(broker string) int {
	u, err := url.Parse(broker)
	if err != nil || u.Scheme == "unix" || !isLoopback(u.Hostname()) {
		return 0
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode := listeningInode(table, uint16(port)); inode != "" {
			return holderOf("socket:[" + inode + "]")
		}
	}
	return 0
}

func isLoopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

// listeningInode looks for a listening socket in a table of proc_net_tcp(5).
func listeningInode(table string, port uint16) string {
	f, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// sl local_address rem_address st ... inode: st 0A is LISTEN.
		if w := strings.Fields(lines.Text()); len(w) > 9 && w[3] == "0A" && strings.HasSuffix(w[1], suffix) {
			return w[9]
		}
	}
	return ""
}

// holderOf finds the process that has link open.
func holderOf(link string) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, dir := range dirs {
		files, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, f := range files {
			if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && to == link {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
				return pid
			}
		}
	}
	return 0
}

// processName is what a process on this machine is called; "" if it is not known.
func processName(pid int) string {
	if pid == 0 {
		return ""
	}
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}
