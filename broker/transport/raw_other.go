//go:build !unix

package transport

import "errors"

const haveRaw = false

func sysRead(int, []byte) (int, error)  { return 0, errors.ErrUnsupported }
func sysWrite(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
