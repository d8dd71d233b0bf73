package transport

import (
	"fmt"
	"net"
)

// Check says what is wrong with a URL that Listen is to be given, without listening. withTLS: there is
// a certificate. Whether the address is free, only Listen can say.
func Check(url string, withTLS bool) error {
	a, err := parseURL(url)
	if err != nil {
		return err
	}
	if a.secure() && !withTLS {
		return fmt.Errorf("transport: %s:// needs a certificate", a.scheme)
	}
	if a.network == "unix" {
		return nil
	}
	_, port, err := net.SplitHostPort(a.at)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("transport: %q: %w", url, err)
	}
	return nil
}
