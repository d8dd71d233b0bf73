package auth

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SetPassword gives a user a new password in a password file, and makes the file if there is none. All other lines stay as
// they are. The file is replaced at once: a broker that reads it meanwhile finds either the old or the new one.
func SetPassword(file, user string, password []byte, k Kind) error {
	switch {
	case len(password) == 0:
		return errors.New("an empty password")
	case len(password) > maxName:
		return fmt.Errorf("a password of %d bytes; MQTT has at most %d", len(password), maxName)
	case bytes.IndexByte(password, 0) >= 0:
		return errors.New("a password with a zero byte, at which mosquitto would cut it off")
	}
	if err := checkName(user); err != nil {
		return err
	}
	if user != strings.TrimSpace(user) || strings.HasPrefix(user, "#") {
		return fmt.Errorf("user name %q: the file cannot hold spaces at the ends, or # at the beginning", user)
	}
	mode := os.FileMode(0o600)
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		if _, err := ParsePasswords(file, text); err != nil && !errors.Is(err, errNoUser) {
			return err // Whatever this file is, we do not write to it.
		}
		if info, err := os.Stat(file); err == nil {
			mode = info.Mode().Perm()
		}
	}
	h, err := newHash(k, password)
	if err != nil {
		return err
	}
	return replace(file, mode, setLine(text, user, user+":"+h.String()))
}

// setLine replaces the line of a user, or appends it.
func setLine(text []byte, user, line string) []byte {
	var b bytes.Buffer
	found := false
	for old := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(old, ":")
		if ok && !strings.HasPrefix(old, "#") && strings.TrimSpace(name) == user {
			old, found = line+"\n", true
		}
		b.WriteString(old)
		if !strings.HasSuffix(old, "\n") {
			b.WriteByte('\n')
		}
	}
	if !found {
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

func replace(file string, mode os.FileMode, text []byte) (err error) {
	if to, err := filepath.EvalSymlinks(file); err == nil {
		file = to // What a link points to is written, not the link.
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
