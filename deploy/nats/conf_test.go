package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func clusterVariables(name, routes string) map[string]string {
	vars := variables()
	vars["NATS_SERVER_NAME"] = name
	vars["NATS_CLUSTER_PASSWORD"] = "p-cluster"
	vars["NATS_ROUTES"] = routes
	return vars
}

const someRoutes = `["nats://route:p-cluster@127.0.0.1:1", "nats://route:p-cluster@127.0.0.1:2"]`

// The files as nats-server reads them: from the folder, with the environment.
func TestFilesReadTheEnvironment(t *testing.T) { //nolint:paralleltest // sets the environment
	for name, value := range clusterVariables("node-1", someRoutes) {
		t.Setenv(name, value)
	}
	single, err := server.ProcessConfigFile("server.conf")
	if err != nil {
		t.Fatalf("server.conf: %v", err)
	}
	node, err := server.ProcessConfigFile("cluster.conf")
	if err != nil {
		t.Fatalf("cluster.conf: %v", err)
	}
	if node.ServerName != "node-1" || len(node.Routes) != 2 || node.Cluster.Password != "p-cluster" {
		t.Errorf("node %q has %d routes", node.ServerName, len(node.Routes))
	}
	for name, o := range map[string]*server.Options{"server.conf": single, "cluster.conf": node} {
		if !o.JetStream || !o.SyncAlways || o.NoJetStreamStrict || o.StoreDir != "/data" {
			t.Errorf("%s: jetstream %v, sync always %v, strict %v, store %s", name, o.JetStream, o.SyncAlways, !o.NoJetStreamStrict, o.StoreDir)
		}
		if o.MaxPayload != 2<<20 || o.HTTPPort != 8222 || o.Port != 4222 || o.Host != "127.0.0.1" || o.Trace {
			t.Errorf("%s: max payload %d, ports %d and %d of %s, trace %v", name, o.MaxPayload, o.Port, o.HTTPPort, o.Host, o.Trace)
		}
		if o.NoAuthUser != "" || len(o.Users) != 6 {
			t.Errorf("%s: %d users, without login %q", name, len(o.Users), o.NoAuthUser)
		}
	}
	if diff := cmp.Diff(grants(single), grants(node)); diff != "" {
		t.Errorf("one node and a cluster grant different rights:\n%s", diff)
	}

	embedded := &server.Options{}
	if err := embedded.ProcessConfigString(broker.ServerConf()); err != nil {
		t.Fatalf("embedded server.conf: %v", err)
	}
	if diff := cmp.Diff(grants(single), grants(embedded)); diff != "" {
		t.Errorf("the embedded text is not the file:\n%s", diff)
	}
}

func grants(o *server.Options) map[string]*server.Permissions {
	all := map[string]*server.Permissions{}
	for _, u := range o.Users {
		all[u.Account.Name+"/"+u.Username+"/"+u.Password] = u.Permissions
	}
	return all
}

func TestNoVariableHasADefault(t *testing.T) {
	all := clusterVariables("node-1", someRoutes)
	for _, missing := range sortedKeys(all) {
		t.Run(missing, func(t *testing.T) {
			for name, value := range all {
				t.Setenv(name, value)
			}
			os.Unsetenv(missing)
			_, err := server.ProcessConfigFile("cluster.conf")
			if err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("without %s: %v", missing, err)
			}
		})
	}
}

// accounts.conf warns of it. When a server refuses it, the warning can go.
func TestAnEmptyPasswordLetsEverybodyIn(t *testing.T) {
	t.Parallel()
	vars := variables()
	vars["NATS_OPERATOR_PASSWORD"] = ""
	s, err := natsserver.Start(t.Context(), natsserver.Options{Config: broker.ServerConf(), Variables: vars})
	if err != nil {
		t.Fatalf("an empty password is refused now: %v", err)
	}
	t.Cleanup(s.Stop)
	nc, err := nats.Connect(s.URL(), nats.UserInfo(broker.UserOperator, ""))
	if err != nil {
		t.Fatalf("an empty password does not log in: %v", err)
	}
	nc.Close()
}

func TestNobodyEntersWithoutItsPassword(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	for name, opts := range map[string][]nats.Option{
		"nobody":             nil,
		"wrong password":     {nats.UserInfo(broker.UserOperator, "wrong")},
		"another's password": {nats.UserInfo(broker.UserOperator, password(broker.UserIngest))},
		"no password":        {nats.UserInfo(broker.UserProjector, "")},
		"unknown user":       {nats.UserInfo("admin", password("admin"))},
	} {
		if nc, err := nats.Connect(s.URL(), opts...); err == nil {
			nc.Close()
			t.Errorf("%s got in", name)
		}
	}
}

func TestTLSBlockWorksWhenUncommented(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	conf := uncomment(t, broker.ServerConf(), "# tls {")
	conf = strings.ReplaceAll(conf, "/etc/nats/tls/server-cert.pem", cert)
	conf = strings.ReplaceAll(conf, "/etc/nats/tls/server-key.pem", key)
	s := startConf(t, conf)

	secure := strings.Replace(s.URL(), "nats://", "tls://", 1)
	nc, err := nats.Connect(secure, nats.RootCAs(cert), nats.UserInfo(broker.UserOperator, password(broker.UserOperator)))
	if err != nil {
		t.Fatalf("connect with TLS: %v", err)
	}
	defer nc.Close()
	if state, err := nc.TLSConnectionState(); err != nil || !state.HandshakeComplete {
		t.Errorf("connection is not encrypted: %v", err)
	}
	if plain, err := nats.Connect(secure, nats.UserInfo(broker.UserOperator, password(broker.UserOperator))); err == nil {
		plain.Close()
		t.Error("a client that does not know the certificate connects")
	}
}

// uncomment takes the leading "# " from the lines of each block that begins so.
func uncomment(t *testing.T, conf, first string) string {
	t.Helper()
	var out []string
	inside, blocks := false, 0
	for line := range strings.Lines(conf) {
		trimmed := strings.TrimSpace(line)
		if trimmed == first {
			inside, blocks = true, blocks+1
		}
		if inside {
			line = strings.Replace(line, "# ", "", 1)
			inside = trimmed != "# }"
		}
		out = append(out, line)
	}
	if blocks == 0 {
		t.Fatalf("no block %q", first)
	}
	return strings.Join(out, "")
}

func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", keyDER)
	return certFile, keyFile
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
