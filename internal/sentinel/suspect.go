package sentinel

// probed is what the public endpoint was found to be.
type probed uint8

const (
	probeNone   probed = iota // not asked
	probeIngest               // ingest answers there
	probeElse                 // something else, or nobody, does
)

// evidence is what there is to judge a cause by.
type evidence struct {
	refused      counts // since the last delivery taken, of all ingests
	ingests      int    // how many are configured
	up           int    // how many of them answer
	awaited      int    // how many of those a webhook would have reached by now
	streamBroken bool
	probe        probed
	flowing      bool // other webhooks come
}

// suspect names the most likely cause. What an ingest says of deliveries it got outweighs everything that is concluded from their absence.
func suspect(e evidence) Cause {
	most, cause := 0.0, CauseNone
	for k := kindSecret; k <= kindIngest; k++ {
		if e.refused[k] > most {
			most, cause = e.refused[k], k.cause()
		}
	}
	switch {
	case cause != CauseNone:
		return cause
	case e.streamBroken:
		return CauseBroker
	case e.ingests > 0 && e.up == 0:
		return CauseIngest
	case e.refused[kindPath]+e.refused[kindStripped] > 0, e.probe == probeElse:
		return CauseRoute
	case e.flowing, e.awaited > 0, e.ingests == 0 && e.probe == probeIngest:
		// The way is open and nobody walks it.
		return CauseEndpoint
	}
	return CauseUnknown
}

// advice is what to look at first.
func advice(c Cause, e evidence) string {
	switch c {
	case CauseSecret:
		return "Deliveries are signed with a secret that ingest does not have: compare CLERK_WEBHOOK_SIGNING_SECRET with the endpoint's signing secret in " +
			"Clerk's dashboard; while rotating, give ingest both."
	case CauseClock:
		return "Deliveries are refused for their time, which may be 5 minutes off at most: compare the clock of ingest's machine with a time server."
	case CauseInstance:
		return "Deliveries are of another Clerk instance: compare the endpoint's environment with CLERK_INSTANCE_ID of ingest."
	case CauseRoute:
		switch {
		case e.refused[kindPath] > 0:
			return "Requests reach ingest under a path it does not know: the endpoint's URL ends in /webhooks/clerk or /webhooks/clerk/<instance>."
		case e.refused[kindStripped] > 0:
			return "Requests reach ingest without whole svix headers, or slowly: see what the proxy in front of it takes off or holds back."
		}
		return "The public address is not answered by ingest: see DNS, certificate, proxy and firewall."
	case CauseEndpoint:
		if e.flowing {
			return "Other webhooks come: see in Clerk's dashboard that the endpoint is subscribed to user.updated."
		}
		return "Ingest is up and nothing is sent to it: see in Clerk's dashboard that the endpoint exists, is enabled and names the right host, then replay what is missing."
	case CauseIngest:
		if e.up == 0 {
			return "No ingest answers: see its process, its log and INGEST_OPS_URL."
		}
		return "Ingest gets deliveries and fails at them: see its log."
	case CauseBroker:
		return "Ingest cannot append, or the stream cannot be read: see that the broker runs, has room on its disk, and that the stream is there."
	case CauseUnknown:
		return "Nothing is known of ingest: set INGEST_OPS_URL. See the endpoint in Clerk's dashboard and ingest's log."
	default:
		return ""
	}
}
