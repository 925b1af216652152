package main

import "time"

// verbs are what the program can do.
type verbs struct {
	Run     config `cmd:"" default:"withargs" help:"Serve. This is what it does when no verb is given."`
	Migrate struct {
		OwnerDatabaseURL string `env:"OWNER_DATABASE_URL" required:"" help:"Login that owns schema orders."`
	} `cmd:"" help:"Bring schema orders up to date and end."`
}

// config is the service's settings: a flag each, and a variable.
type config struct {
	ListenAddr string `env:"LISTEN_ADDR" default:"127.0.0.1:8082" help:"Where requests come in; only the gateway needs to reach it."`

	GatewayURL string `env:"GATEWAY_URL" required:"" help:"The gateway whose identity tokens are believed: their issuer, and where its keys are."`
	AllowHTTP  bool   `name:"allow-http" env:"ALLOW_HTTP" help:"Fetch keys over plain http from other machines too. Only for a private network."`

	DatabaseURL       string `env:"DATABASE_URL" required:"" help:"Login of the requests and handlers: a member of clerkstream_tenant and clerkstream_subscriber."`
	ReaderDatabaseURL string `env:"READER_DATABASE_URL" required:"" help:"Login of the directory and the denylist: a member of clerkstream_reader."`
	OwnerDatabaseURL  string `env:"OWNER_DATABASE_URL" help:"Login that owns schema orders and brings it up to date at the start. Default: it is up to date."`
	Denylist          bool   `env:"DENYLIST" default:"true" negatable:"" help:"End access when its reason ends, not when the token expires."`

	Instance string `env:"CLERK_INSTANCE" default:"default" help:"Name of the Clerk environment."`
	NATSURL  string `name:"nats-url" env:"NATS_URL" required:"" help:"Broker."`

	AckWait         time.Duration `env:"ACK_WAIT" default:"30s" help:"After how long the events of a process that was killed are given to another."`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" default:"10s" help:"How long what is in flight may take after SIGTERM."`
}
