//go:build !linux

package transport

import "errors"

const haveEpoll = false

func newEpoll(precise, spin bool) (driver, error) {
	return nil, errors.New("epoll exists on Linux only: use the Goroutine driver")
}
