//go:build !linux

package broker

import "errors"

func failSyncs() error { return errors.ErrUnsupported }
