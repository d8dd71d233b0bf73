package broker

// StoreError is why nothing new can be stored in the data directory, or nil: the store has stopped, and
// the broker ends, or the disk is nearly full, which passes. It takes no lock that
// is held for long, and is for whoever watches over the broker. Without Options.DataDir it is nil.
func (s *Server) StoreError() error {
	st := s.store.Load()
	if st == nil {
		return nil
	}
	if err := st.Err(); err != nil {
		return err
	}
	return st.Scarce()
}
