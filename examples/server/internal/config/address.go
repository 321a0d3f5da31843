package config

import (
	"crypto/tls"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

func (f *File) readListen(o *object) {
	f.Listen = o.required("listen", `write the address to listen on, as "127.0.0.1:8080"`)
	if f.Listen == "" {
		return
	}
	_, port, err := net.SplitHostPort(f.Listen)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		o.say("listen", `is not host:port with a port number; write for example "127.0.0.1:8080"`)
	}
}

// readTLS loads the certificate too, so that a server that starts can use it.
func (f *File) readTLS(o *object) {
	t := o.object("tls")
	if t == nil {
		return
	}
	cert := f.readPEM(t, "cert_file", "name the PEM file of the certificate chain")
	key := f.readPEM(t, "key_file", "name the PEM file of the certificate's key")
	t.nothingElse()
	if strings.HasPrefix(f.Issuer, "http:") {
		o.say("tls", "is set, but the issuer is http; make that https")
	}
	if cert == nil || key == nil {
		return
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.fail("cert_file and key_file", err)
		return
	}
	f.Certificate = &pair
}

// readPEM returns what is in the file that the member names, nil if that cannot be
// read.
func (f *File) readPEM(o *object, member, remedy string) []byte {
	name := o.required(member, remedy)
	if name == "" {
		return nil
	}
	text, err := f.files(name)
	if err != nil {
		o.fail(member, err)
		return nil
	}
	return text
}

// comparePorts warns of an issuer at which this machine has no server: no proxy
// is likely to stand before a loopback address.
func (f *File) comparePorts() {
	u, err := url.Parse(f.Issuer)
	if err != nil || !loopback(u.Hostname()) {
		return
	}
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	if _, listens, err := net.SplitHostPort(f.Listen); err == nil && listens != port {
		f.warn("issuer is on port %s of this machine, but listen has port %s; clients look for the server where the issuer says", port, listens)
	}
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
