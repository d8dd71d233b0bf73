//go:build !unix

package broker

import "errors"

func limitFiles(string) error { return errors.ErrUnsupported }
