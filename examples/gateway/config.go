package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// config is the gateway's settings: a flag each, and a variable.
type config struct {
	ListenAddr string   `env:"LISTEN_ADDR" default:"127.0.0.1:8081" help:"Where requests come in."`
	GatewayURL string   `name:"url" env:"GATEWAY_URL" default:"http://127.0.0.1:8081" help:"This gateway, as its services reach it: the issuer of its identity tokens."`
	KeysFile   string   `env:"GATEWAY_KEYS_FILE" type:"existingfile" help:"PEM: the private key that signs identity tokens, then keys that are published beside it while they rotate. Every replica needs the same. Default: a new key at each start."`
	Services   []string `env:"SERVICES" default:"orders" help:"Names of the services. /orders and what is below it goes to the service orders, whose address is in ORDERS_URL."`

	Issuer        string   `env:"CLERK_ISSUER" required:"" help:"Your Clerk instance's Frontend API, exactly: https://clerk.example.com."`
	JWKSURL       string   `name:"jwks-url" env:"CLERK_JWKS_URL" help:"Where its keys are. Default: <issuer>/.well-known/jwks.json."`
	Parties       []string `name:"authorized-parties" env:"CLERK_AUTHORIZED_PARTIES" help:"Origins of your web clients: https://app.example.com."`
	NativeClients bool     `env:"CLERK_NATIVE_CLIENTS" default:"true" negatable:"" help:"Accept tokens of native clients, which name no origin."`
	AllowHTTP     bool     `name:"allow-http" env:"ALLOW_HTTP" help:"Fetch keys over plain http from other machines too. Only for a private network."`

	ReaderDatabaseURL string `env:"READER_DATABASE_URL" help:"A read model to watch, as a member of clerkstream_reader: access then ends when the reason for it does, before the token expires. Default: none, tokens are believed until they expire."`

	Rate            float64       `env:"RATE" default:"20" help:"Requests a second that one user may make."`
	Burst           int           `env:"BURST" default:"40" help:"Requests that one user may make at once."`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" default:"10s" help:"How long what is in flight may take after SIGTERM."`
}

// upstreams are the services' addresses by name.
func (c config) upstreams(getenv func(string) string) (map[string]*url.URL, error) {
	found := map[string]*url.URL{}
	for _, name := range c.Services {
		variable := strings.ToUpper(name) + "_URL"
		u, err := url.Parse(getenv(variable))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%s is not the address of a service", variable)
		}
		found[name] = u
	}
	return found, nil
}

// keys are the key that signs and the public keys shown beside it.
func (c config) keys() (signs crypto.Signer, published []crypto.PublicKey, err error) {
	if c.KeysFile == "" {
		_, signs, err = ed25519.GenerateKey(rand.Reader)
		return signs, nil, err
	}
	content, err := os.ReadFile(c.KeysFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %w", err)
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("keys in %s: %w", c.KeysFile, err)
		}
		signer, ok := key.(crypto.Signer)
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("keys in %s: a %T signs nothing", c.KeysFile, key)
		case signs == nil:
			signs = signer
		default:
			published = append(published, signer.Public())
		}
	}
	if signs == nil {
		return nil, nil, errors.New("no key in " + c.KeysFile)
	}
	return signs, published, nil
}
