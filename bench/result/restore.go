package result

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// restore puts a file back that was removed while it was being written, perhaps with its folder: what it holds is there for as long as it
// is open. What somebody else has put in its place meanwhile stays, and is an error.
func restore(f *os.File) error {
	own, err := f.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(f.Name()); err == nil && os.SameFile(own, there) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.Name()), 0o755); err != nil {
		return err
	}
	again, err := os.OpenFile(f.Name(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(again, io.NewSectionReader(f, 0, own.Size()))
	return errors.Join(err, again.Sync(), again.Close())
}
