package clerksim

// subscription is one payer's: a default item that is always there, and at most one paid item in force.
type subscription struct {
	stamp
	status                                   string
	payer                                    *payer
	activeAt, canceledAt, endedAt, pastDueAt int64
	latestPayment, source                    string
	base, paid                               *item
	items                                    []*item
}

func (s *subscription) data(w *World) object {
	items := make([]object, 0, len(s.items))
	for _, it := range s.items {
		items = append(items, it.inside(w))
	}
	return object{
		{"object", "commerce_subscription"}, {"id", s.id}, {"status", s.status}, {"active_at", millis(s.activeAt)},
		{"canceled_at", millis(s.canceledAt)}, {"created_at", s.created}, {"ended_at", millis(s.endedAt)}, {"past_due_at", millis(s.pastDueAt)},
		{"updated_at", s.updated}, {"latest_payment_id", text(s.latestPayment)}, {"payer_id", s.payer.id}, {"payer", s.payer.data(w)},
		{"payment_source_id", text(s.source)}, {"items", items},
	}
}

func (s *subscription) nudge(w *World) { s.source = w.id("cps_") }

// item is one plan of a subscription. Only its own events tell it; the copies inside subscriptions and payments are of their moment.
type item struct {
	stamp
	subs                   *subscription
	plan                   *plan
	status, interval       string
	trial, warned          bool
	periodStart, periodEnd int64
	seats                  int // 0: none, -1: unlimited
	announced              bool
	short                  bool // calls itself subscription_item, as the published examples do
}

func (it *item) data(w *World) object {
	kind := "commerce_subscription_item"
	if it.short && w.cfg.OddRate > 0 {
		kind = "subscription_item"
	}
	o := object{
		{"object", kind}, {"id", it.id}, {"status", it.status}, {"is_free_trial", it.trial}, {"created_at", it.created}, {"updated_at", it.updated},
		{"period_start", millis(it.periodStart)}, {"period_end", millis(it.periodEnd)}, {"interval", it.interval}, {"plan_id", it.plan.id},
		{"plan", it.plan.data()},
	}
	if it.seats != 0 {
		o.add("seats", it.quantity())
	}
	return append(o, field{"payer", it.subs.payer.data(w)}, field{"subscription_id", it.subs.id})
}

func (it *item) quantity() object {
	switch {
	case it.seats == 0:
		return nil
	case it.seats < 0:
		return object{{"quantity", nil}}
	}
	return object{{"quantity", it.seats}}
}

// inside is the item within its subscription, where payer and subscription are null or left out.
func (it *item) inside(w *World) object {
	o := it.data(w).without("payer", "subscription_id")
	if w.chance(0.5) {
		o.add("payer", nil)
	}
	return append(o, field{"subscription_id", nil})
}

func (it *item) nudge(*World) { it.seats = max(it.seats, 0) + 1 }

// announce queues an event of the item, mostly with a new status.
func (w *World) announce(verb string, it *item, edit func()) {
	w.tell("subscriptionItem."+verb, it, func() {
		it.announced = true
		edit()
	})
}

func (it *item) become(status string) func() { return func() { it.status = status } }

func (w *World) newItem(s *subscription, p *plan) *item {
	it := &item{stamp: stamp{id: w.id("csub_item_")}, subs: s, plan: p, interval: one(w.r, []string{"month", "month", "annual"}), short: w.odd()}
	if p.seats {
		it.seats = one(w.r, []int{-1, 5, 10, 25})
	}
	return it
}

// begin puts the item into its subscription. The default plan's has no end, and for some no start either.
func (it *item) begin(w *World, status string) {
	it.created, it.status, it.periodStart = w.now, status, w.now
	if !it.plan.free {
		it.renew(w)
	} else if w.chance(0.3) {
		it.periodStart = 0
	}
	it.subs.items = append(it.subs.items, it)
}

func (it *item) renew(w *World) {
	const day = 86_400_000
	it.periodStart = w.now
	it.periodEnd = w.now + 30*day
	if it.interval == "annual" {
		it.periodEnd = w.now + 365*day
	}
}

// subscribe queues a subscription to the default plan.
func (w *World) subscribe(p *payer) {
	s := &subscription{stamp: stamp{id: w.id("csub_")}, payer: p}
	s.base = w.newItem(s, w.planFor(p, true))
	w.tell("subscription.created", s, func() {
		s.created, s.status, s.activeAt = w.now, "active", w.now
		s.base.begin(w, "active")
		s.base.updated = w.now
		w.subscriptions = append(w.subscriptions, s)
		w.payers.add(s)
		if p.user != nil {
			p.user.subscription = s
		} else {
			p.org.subs = s
		}
	})
	w.announce("active", s.base, func() {})
}

func (w *World) subscribeSomeone() bool {
	if w.chance(0.5) {
		o, ok := w.orgs.find(w.r, func(o *organization) bool { return o.subs == nil })
		if ok {
			w.subscribe(w.organizationPayer(o))
		}
		return ok
	}
	u, ok := w.someUser(func(u *user) bool { return u.subscription == nil })
	if ok {
		w.subscribe(w.userPayer(u))
	}
	return ok
}
