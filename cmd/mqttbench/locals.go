package main

import (
	"fmt"
	"net"
	"net/url"
	"runtime"
)

// portsOfOne is how many connections one source address carries to one broker: Linux has 28,232 ports to give by default, and some are
// taken, or are still in TIME_WAIT.
const portsOfOne = 25_000

// parseLocals reads --local-addr.
func parseLocals(texts []string) (all []net.Addr, err error) {
	for _, t := range texts {
		ip := net.ParseIP(t)
		if ip == nil {
			return nil, fmt.Errorf("--local-addr %q is no IP address", t)
		}
		all = append(all, &net.TCPAddr{IP: ip})
	}
	return all, nil
}

// locals are the addresses that the clients dial from. A broker on this machine's loopback can be reached from all of
// 127.0.0.0/8 (on Linux), so nobody has to ask for as many addresses as the clients take.
func (s *settings) locals(broker string) []net.Addr {
	all, _ := parseLocals(s.localAddrs) // They have been checked.
	clients := s.connections()
	u, err := url.Parse(broker)
	if len(all) > 0 || clients <= portsOfOne || err != nil || runtime.GOOS != "linux" {
		return all
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || ip.To4() == nil || !ip.IsLoopback() {
		return nil
	}
	for i := range (clients + portsOfOne - 1) / portsOfOne {
		all = append(all, &net.TCPAddr{IP: net.IPv4(127, 0, byte(i/200), byte(1+i%200))})
	}
	return all
}
