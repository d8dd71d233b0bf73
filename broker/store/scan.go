package store

import (
	"github.com/cockroachdb/pebble/v2"
)

// Scan calls visit for all keys that begin with prefix, in the order of their bytes. It sees
// what was durable when it was called. Key and value are lent until visit returns; an error
// of visit ends the scan and is returned. An empty prefix means all keys.
//
// It is meant for recovery: it reads on in blocks, and holds no more than those.
func (s *Store) Scan(prefix []byte, visit func(key, value []byte) error) error {
	if len(prefix) == 0 {
		return s.ScanRange([]byte{ownKeys + 1}, nil, visit)
	}
	return s.ScanRange(prefix, prefixEnd(prefix), visit)
}

// ScanRange is Scan for keys from <= k < to; nil for to means no bound.
func (s *Store) ScanRange(from, to []byte, visit func(key, value []byte) error) error {
	if err := s.Err(); err != nil {
		return err
	}
	if len(from) == 0 {
		from = []byte{ownKeys + 1}
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return s.readError(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			_ = it.Close() // It would return the same error.
			return s.readError(err)
		}
		if err := visit(it.Key(), value); err != nil {
			_ = it.Close()
			return err
		}
	}
	if err := it.Close(); err != nil {
		return s.readError(err)
	}
	return nil
}

// Get appends the value of a key to dst. ok is false when there is none.
func (s *Store) Get(dst, key []byte) (value []byte, ok bool, err error) {
	if err := s.Err(); err != nil {
		return dst, false, err
	}
	v, closer, err := s.db.Get(key)
	if err == pebble.ErrNotFound {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, s.readError(err)
	}
	dst = append(dst, v...)
	return dst, true, closer.Close()
}

// readError: what was written can not be read, and nobody knows what else.
func (s *Store) readError(err error) error {
	err = &DamageError{s.dir, err}
	s.fail(err)
	return err
}
