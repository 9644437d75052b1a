"""The shop's one page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orders.models import Order


def home(request: HttpRequest) -> HttpResponse:
    """With the orders of who is signed in."""
    orders = Order.objects.filter(customer=request.user.pk).order_by("number")
    return render(request, "orders/home.html", {"orders": orders})
