package settings

import (
	"crypto/x509"
	"net/url"
	"os"
	"strings"
)

// NATS says how to reach the broker. Embed it in a grammar; then call Resolve.
type NATS struct {
	// URL may list several servers and carry user:password or a token, which makes it a secret: it is never logged.
	URL string `name:"nats-url" env:"NATS_URL" default:"nats://127.0.0.1:4222" help:"Servers of the broker, separated by commas. With a password in it, prefer the variable or NATS_URL_FILE."`
	// Creds is a file with a user's JWT and seed. It is read again at every reconnect, so it may be replaced while running.
	Creds string `name:"nats-creds" env:"NATS_CREDS" help:"Credentials file (JWT and seed)."`
	// CA is a PEM file with the authorities that may have signed the broker's certificate; the system's otherwise.
	CA string `name:"nats-ca" env:"NATS_CA" help:"PEM file with the certificate authorities to trust; also turns TLS on."`
}

const envNATSURL = "NATS_URL"

// Resolve reads NATS_URL_FILE, and reports what can be known to be wrong without a broker.
func (n *NATS) Resolve(env Env, p *Problems) {
	if env.get(envNATSURL+fileSuffix) != "" {
		n.URL = env.Secret(p, envNATSURL)
	}
	n.Validate(p)
}

// Validate reports what is wrong with the fields as they are.
func (n *NATS) Validate(p *Problems) {
	servers := n.servers()
	if len(servers) == 0 {
		p.Add(envNATSURL, "names no server")
	}
	for i, s := range servers {
		if !validServer(s) {
			// url.Parse would print the URL and with it the password.
			p.Add(envNATSURL, "server %d is not a URL like nats://host:4222, tls://… or wss://…", i+1)
		}
	}
	readable(p, "NATS_CREDS", n.Creds)
	if pem := readable(p, "NATS_CA", n.CA); pem != nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		p.Add("NATS_CA", "%s holds no PEM certificate", n.CA)
	}
}

func (n *NATS) servers() []string { return List(n.URL) }

func validServer(s string) bool {
	if !strings.Contains(s, "://") {
		s = "nats://" + s // as nats.go reads it
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return false
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
		return true
	}
	return false
}

func readable(p *Problems, name, path string) []byte {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		p.Add(name, "%v", err)
	}
	return content
}
