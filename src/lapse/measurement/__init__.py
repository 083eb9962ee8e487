"""Retention as a statistic: rates, tiers, rungs, worth and what customers cost, from a company's tables."""
