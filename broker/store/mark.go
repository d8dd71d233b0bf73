package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A mark is the file that remembers the newest number that was reported as
// durable, apart from the log. It is written before each report, and not synced: its
// purpose is to notice that the log has lost its end, and after a loss of
// power it may only be older than the log, never newer, with level Fsync. With
// OS it may be newer, and says then truly what was lost.
//
// It has two slots, written in turn, so that a torn write leaves the one before:
//
//	number, 8 bytes big-endian; CRC-32C of those, 4 bytes; 4 bytes zero
type mark struct {
	file vfs.File
	turn int64
}

const slotLen = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openMark(fs vfs.FS, name string) (*mark, uint64, error) {
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, 0, err
	}
	m := &mark{file: f}
	var b [2 * slotLen]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, errors.Join(err, f.Close())
	}
	first, second := slot(b[:slotLen]), slot(b[slotLen:])
	if n >= slotLen && first == 0 && second == 0 {
		return nil, 0, errors.Join(errors.New("both copies of the newest number are unreadable"), f.Close())
	}
	if first > second {
		m.turn = 1
	}
	return m, max(first, second), nil
}

// slot is 0 when it is not valid; that number is never given.
func slot(b []byte) uint64 {
	if crc32.Checksum(b[:8], castagnoli) != binary.BigEndian.Uint32(b[8:]) {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (m *mark) put(number uint64) error {
	var b [slotLen]byte
	binary.BigEndian.PutUint64(b[:], number)
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
	_, err := m.file.WriteAt(b[:], m.turn*slotLen)
	m.turn ^= 1
	return err
}
