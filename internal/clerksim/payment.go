package clerksim

import "fmt"

// payment is one attempt to collect money.
type payment struct {
	stamp
	paymentID, statement, gateway, status, charge string
	payer                                         *payer
	billing, paidAt, failedAt                     int64
	failure                                       object
	totals, source, payee                         object
	items                                         []object // as of the last event
	item                                          *item
	docs                                          bool // names its kind `type`, as the guides do, not `charge_type`
	rich                                          bool // items in the richer of the two shapes seen
}

func (p *payment) data(w *World) object {
	charge := "charge_type"
	if p.docs {
		charge = "type"
	}
	return object{
		{"id", p.id}, {"instance_id", w.cfg.InstanceID}, {"payment_id", p.paymentID}, {"invoice_id", ""}, {"statement_id", p.statement},
		{"gateway_external_id", p.gateway}, {"status", p.status}, {"created_at", p.created}, {"updated_at", p.updated},
		{"paid_at", millis(p.paidAt)}, {"failed_at", millis(p.failedAt)}, {"failed_reason", p.failure}, {"billing_date", p.billing},
		{charge, p.charge}, {"payee", p.payee}, {"payer", p.payer.data(w)}, {"totals", p.totals}, {"payment_source", p.source},
		{"subscription_items", p.items},
	}
}

func money(cents int) object {
	return object{
		{"amount", cents}, {"amount_formatted", fmt.Sprintf("$%d.%02d", cents/100, cents%100)}, {"currency", "USD"}, {"currency_symbol", "$"},
	}
}

func (w *World) newPayment(it *item, charge string) *payment {
	p := &payment{
		stamp: stamp{id: w.id(one(w.r, []string{"cpa_", "pa_"}))}, paymentID: w.id("cpayment_"), statement: w.id("stmt_"), gateway: w.id("pi_"),
		charge: charge, payer: it.subs.payer, item: it, docs: w.odd(), rich: w.chance(0.3),
		totals: object{{"subtotal", money(it.plan.amount)}, {"tax_total", money(0)}, {"grand_total", money(it.plan.amount)}},
		payee:  object{{"id", w.id("cpayee_")}, {"gateway_type", "stripe"}, {"gateway_external_id", w.id("acct_")}, {"gateway_status", "active"}},
		source: object{
			{"id", w.id("cps_")}, {"gateway", "stripe"}, {"gateway_external_id", w.id("pm_")}, {"gateway_external_account_id", nil},
			{"payment_method", "card"}, {"status", "active"}, {"card_type", "visa"}, {"last4", w.digits(4)},
		},
	}
	if w.chance(0.2) {
		p.source = object{{"id", w.id("cps_")}, {"gateway", "stripe"}, {"gateway_external_id", w.id("pm_")}, {"payment_method", "link"},
			{"status", "active"}, {"card_type", nil}, {"last4", nil}}
	}
	if it.plan.seats && it.seats > 0 {
		tier := object{{"quantity", it.seats}, {"fee_per_block", money(0)}, {"total", money(0)}}
		p.totals.add("per_unit_totals", []object{{{"name", "seats"}, {"block_size", 1}, {"tiers", []object{tier}}}})
	}
	return p
}

// show takes the item into the payment's event as it is now.
func (p *payment) show(w *World) {
	shown := p.item.data(w).without("payer", "subscription_id", "is_free_trial", "seats")
	shown.add("credits", nil)
	if p.rich {
		shown.add("amount", money(p.item.plan.amount))
		shown.add("plan_period", p.item.interval)
		shown.add("proration_date", "")
	}
	p.items = []object{shown}
}

// collect queues an attempt and its outcome.
func (w *World) collect(it *item, charge string, succeeds bool) *payment {
	p := w.newPayment(it, charge)
	w.tell("paymentAttempt.created", p, func() {
		p.created, p.status, p.billing = w.now, "pending", w.now
		p.show(w)
		w.payments = append(w.payments, p)
	})
	w.then(func() Message { return w.conclude(p, succeeds) })
	return p
}

func (w *World) conclude(p *payment, succeeds bool) Message {
	w.pass(int64(w.between(500, 3000)))
	if succeeds {
		p.status, p.paidAt = "paid", w.now
	} else {
		p.status, p.failedAt = "failed", w.now
		p.failure = object{{"code", "card_declined"}, {"decline_code", one(w.r, []string{"insufficient_funds", "lost_card"})}}
	}
	p.show(w)
	p.updated, p.envelope = w.now, w.now+w.lag()
	return w.message("paymentAttempt.updated", p.id, p.data(w), p.envelope, false)
}
