package clerksim

func (w *World) payerWith(fits func(*subscription) bool) (*subscription, bool) {
	return w.payers.find(w.r, fits)
}

func onDefault(s *subscription) bool { return s.paid == nil && s.base.announced }

func paidAs(status string, trial bool) func(*subscription) bool {
	return func(s *subscription) bool { return s.paid != nil && s.paid.status == status && s.paid.trial == trial }
}

// updateSubscription queues subscription.updated.
func (w *World) updateSubscription(s *subscription, edit func()) {
	w.revise("subscription.updated", s, edit)
}

// checkout queues a purchase: an incomplete item and a payment, which succeeds and makes the item active, or fails and leaves it abandoned.
func (w *World) checkout() bool {
	s, ok := w.payerWith(onDefault)
	if !ok {
		return false
	}
	it := w.newItem(s, w.planFor(s.payer, false))
	w.announce("incomplete", it, func() { it.begin(w, "incomplete") })
	succeeds := w.chance(0.75)
	p := w.collect(it, "checkout", succeeds)
	if !succeeds {
		w.announce("abandoned", it, it.become("abandoned"))
		return true
	}
	w.announce("active", it, it.become("active"))
	w.takeOver(s, it, p)
	return true
}

// takeOver queues what follows when an item comes into force: the default one waits for its end.
func (w *World) takeOver(s *subscription, it *item, p *payment) {
	w.announce("upcoming", s.base, func() {
		s.base.status, s.base.periodStart = "upcoming", it.periodEnd
		s.paid = it
	})
	w.updateSubscription(s, func() {
		if p != nil {
			s.latestPayment = p.id
			s.source, _ = p.source.get("id").(string)
		}
	})
}

func (w *World) startTrial() bool {
	s, ok := w.payerWith(onDefault)
	if !ok {
		return false
	}
	it := w.newItem(s, w.planFor(s.payer, false))
	w.announce("active", it, func() {
		it.begin(w, "active")
		it.trial, it.periodEnd = true, w.now+14*86_400_000
	})
	w.takeOver(s, it, nil)
	return true
}

// warnOfTrialEnd queues the event that a timer makes: nothing about the item changes, not even updated_at.
func (w *World) warnOfTrialEnd() bool {
	s, ok := w.payerWith(func(s *subscription) bool { return paidAs("active", true)(s) && !s.paid.warned })
	if !ok {
		return false
	}
	it := s.paid
	w.then(func() Message {
		w.tick()
		it.warned = true
		it.envelope = w.now
		return w.message("subscriptionItem.freeTrialEnding", it.id, it.data(w), it.envelope, false)
	})
	return true
}

func (w *World) endTrial() bool {
	s, ok := w.payerWith(paidAs("active", true))
	if !ok {
		return false
	}
	it, succeeds := s.paid, w.chance(0.6)
	p := w.collect(it, "recurring", succeeds)
	if !succeeds {
		w.backToDefault(s)
		return true
	}
	w.announce("active", it, func() {
		it.trial = false
		it.renew(w)
	})
	w.updateSubscription(s, func() { s.latestPayment = p.id })
	return true
}

// backToDefault queues the end of the paid item. The default one becomes active again under its old id.
func (w *World) backToDefault(s *subscription) {
	it := s.paid
	w.announce("ended", it, func() {
		it.status = "ended"
		s.paid = nil
	})
	w.announce("active", s.base, func() { s.base.status, s.base.periodStart = "active", w.now })
	w.updateSubscription(s, func() { s.status = "active" })
}

// renew collects for another period. What cannot be collected makes item and subscription past due.
func (w *World) renew() bool {
	s, ok := w.payerWith(paidAs("active", false))
	if !ok {
		return false
	}
	it, succeeds := s.paid, w.chance(0.6)
	p := w.collect(it, "recurring", succeeds)
	if succeeds {
		w.announce("updated", it, func() { it.renew(w) })
		w.updateSubscription(s, func() { s.latestPayment = p.id })
		return true
	}
	w.announce("pastDue", it, it.become("past_due"))
	w.tell("subscription.pastDue", s, func() { s.status, s.pastDueAt = "past_due", w.now })
	return true
}

// recover collects what was past due, or gives up.
func (w *World) recover() bool {
	s, ok := w.payerWith(paidAs("past_due", false))
	if !ok {
		return false
	}
	it := s.paid
	if w.chance(0.25) {
		w.backToDefault(s)
		return true
	}
	p := w.collect(it, "recurring", true)
	w.announce("active", it, func() {
		it.status = "active"
		it.renew(w)
	})
	w.tell("subscription.active", s, func() {
		s.status, s.activeAt, s.pastDueAt, s.latestPayment = "active", w.now, 0, p.id
	})
	return true
}

func (w *World) changeSeats() bool {
	s, ok := w.payerWith(func(s *subscription) bool { return paidAs("active", false)(s) && s.paid.plan.seats })
	if ok {
		it := s.paid
		w.revise("subscriptionItem.updated", it, func() { it.seats = w.between(1, 80) })
	}
	return ok
}

func (w *World) cancel() bool {
	s, ok := w.payerWith(paidAs("active", false))
	if ok {
		w.announce("canceled", s.paid, s.paid.become("canceled"))
	}
	return ok
}

func (w *World) endCanceled() bool {
	s, ok := w.payerWith(paidAs("canceled", false))
	if ok {
		w.backToDefault(s)
	}
	return ok
}

// endPaidItems queues what is left to tell of a payer that is gone.
func (w *World) endPaidItems(s *subscription) {
	if it := s.paid; it != nil {
		w.announce("ended", it, func() {
			it.status = "ended"
			s.paid = nil
		})
	}
	w.tell("subscription.updated", s, func() {
		s.status, s.canceledAt, s.endedAt = "ended", w.now, w.now
	})
}
