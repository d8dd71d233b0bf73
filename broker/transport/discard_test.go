package transport

import (
	"io"
	"net"
	"testing"
)

// What nobody wants is read up to a limit: the loop waits meanwhile, and a peer could send for ever.
func TestDiscardEnds(t *testing.T) {
	if !haveRaw {
		t.Skip("sockets are not read past package net here")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	const sent = maxDrained + 16<<10
	if _, err := peer.Write(make([]byte, sent)); err != nil { // The buffers of both sides take it.
		t.Fatal(err)
	}
	peer.(*net.TCPConn).CloseWrite()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(discard); err != nil {
		t.Fatal(err)
	}
	if left, err := io.Copy(io.Discard, nc); err != nil || left < sent-maxDrained {
		t.Errorf("%d bytes are left of %d: %v", left, sent, err)
	}
}
