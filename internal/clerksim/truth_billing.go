package clerksim

func (s *subscription) row() Row {
	return Row{
		"status": s.status, "payer_id": s.payer.id, "user_id": text(s.payer.userID()), "organization_id": text(s.payer.organizationID()),
		"payment_source_id": text(s.source), "latest_payment_id": text(s.latestPayment), "active_at": at(s.activeAt),
		"canceled_at": at(s.canceledAt), "ended_at": at(s.endedAt), "past_due_at": at(s.pastDueAt),
	}
}

func (it *item) row() Row {
	return Row{
		"subscription_id": it.subs.id, "user_id": text(it.subs.payer.userID()), "organization_id": text(it.subs.payer.organizationID()),
		"status": it.status, "is_free_trial": it.trial, "plan_id": it.plan.id, "plan": decoded(it.plan.data()), "interval": it.interval,
		"period_start": at(it.periodStart), "period_end": at(it.periodEnd), "seats": decoded(it.quantity()),
	}
}

func (p *payment) row() Row {
	return Row{
		"payment_id": p.paymentID, "statement_id": p.statement, "invoice_id": nil, "gateway_external_id": p.gateway, "status": p.status,
		"charge_type": p.charge, "user_id": text(p.payer.userID()), "organization_id": text(p.payer.organizationID()),
		"billing_date": at(p.billing), "paid_at": at(p.paidAt), "failed_at": at(p.failedAt), "failed_reason": decoded(p.failure),
		"totals": decoded(p.totals), "payment_source": decoded(p.source), "payee": decoded(p.payee), "subscription_items": decoded(p.items),
	}
}
