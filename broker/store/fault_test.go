package store

func holdLock(string) int       { return 2 }
func failOn(string, string) int { return 2 }
