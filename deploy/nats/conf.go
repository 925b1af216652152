package broker

import (
	_ "embed" // the texts below
	"strings"
)

// Users of accounts.conf. Passwords come from the server's environment, in
// NATS_<USER>_PASSWORD.
const (
	UserIngest     = "ingest"     // appends events; reads none
	UserWatch      = "watch"      // reads and appends; answers who misses an object
	UserOperator   = "operator"   // everything in the account of the streams
	UserProjector  = "projector"  // reads the streams with ordered consumers
	UserSubscriber = "subscriber" // reads them with durable consumers
	UserMonitor    = "monitor"    // asks the servers how they are
)

// IngestInbox is the only place where the user ingest may receive replies. Its
// clients connect with nats.CustomInboxPrefix(IngestInbox); on a server without
// permissions the option does no harm. But for watch, the other users need no option.
const IngestInbox = "_INBOX_ingest"

// WatchInbox is the same for the user watch.
const WatchInbox = "_INBOX_watch"

// HydrateSubject is where the user watch answers requests for one object of an
// instance. The readers' account imports it; projector and subscriber may ask.
func HydrateSubject(instance string) string { return "clerkstream.hydrate." + instance }

var (
	//go:embed server.conf
	serverConf string
	//go:embed cluster.conf
	clusterConf string
	//go:embed accounts.conf
	accountsConf string
)

const includeAccounts = "include ./accounts.conf"

// ServerConf is server.conf with its accounts in place: a complete configuration
// of one node, for nats-server or natsserver.Options.Config.
func ServerConf() string { return strings.Replace(serverConf, includeAccounts, accountsConf, 1) }

// ClusterConf is the same for each node of a three-node cluster.
func ClusterConf() string { return strings.Replace(clusterConf, includeAccounts, accountsConf, 1) }
