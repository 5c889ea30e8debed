//! A TUN device: packets that this process writes to it arrive in the pod as if from outside, and
//! meet the rules of PREROUTING, which no connection of the pod's own does.
//!
//! The device belongs to its descriptor: however the process ends, the kernel takes the device and
//! its addresses and routes away (kernel `drivers/net/tun.c`).

use std::{
    fs,
    io::{self, ErrorKind},
    net::IpAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    thread,
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily,
    address::{AddressHeader, AddressHeaderFlags, AddressScope},
    link::{LinkFlags, LinkHeader},
    route::{RouteHeader, RouteProtocol, RouteScope, RouteType},
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    libc,
    net::if_::if_nametoindex,
    sys::stat::{Mode, SFlag, makedev, mknod},
};

use tokio::io::{Interest, unix::AsyncFd};

use super::netlink::{Netlink, Request};

/// Where the kernel's driver is.
const DRIVER: &str = "/dev/net/tun";
/// Its device number (kernel `Documentation/networking/tuntap.rst`).
const NUMBER: (u64, u64) = (10, 200);
/// What the names of podprobe's devices begin with; a number follows.
const NAME: &str = "podprobe";
/// Room for one packet: the device's MTU is 1500.
const PACKET_BYTES: usize = 2048;
/// No link-local address, whose multicast reports would come out of the device (`linux/if_link.h`).
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
/// The attribute that says so; not in libc.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// `RT_SCOPE_LINK` of an IPv4 address: the pod's own ones are global.
const LINK_SCOPE: AddressScope = AddressScope::Link;

/// Whether a link's name is that of a device of podprobe's, this one's or another's.
#[must_use]
pub fn is_ours(link: &str) -> bool {
    let number = link.strip_prefix(NAME);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The name of a device.
#[must_use]
pub fn name(number: u8) -> String {
    format!("{NAME}{number}")
}

/// `struct ifreq` (`linux/if.h`).
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

/// An open device.
#[derive(Debug)]
pub struct Tun {
    descriptor: OwnedFd,
    index: u32,
}

impl AsRawFd for Tun {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Tun {
    /// Makes the device with this number. Its name is the lock: nobody else has one of that name.
    ///
    /// # Errors
    /// The operation and what it returned; `EBUSY` when that device is in use.
    pub fn make(number: u8) -> Result<Tun, (&'static str, io::Error)> {
        let descriptor = driver()?;
        let mut request = InterfaceRequest {
            name: [0; libc::IFNAMSIZ],
            flags: libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI).unwrap_or_default(),
            rest: [0; 22],
        };
        let name = name(number);
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        // SAFETY: the descriptor is open. TUNSETIFF reads and writes one `struct ifreq`, which is what the
        // pointer leads to (a test compares the sizes), and keeps no reference to it. Whatever it writes
        // are integers, and the name is not read again.
        #[expect(unsafe_code, reason = "no safe wrapper of this ioctl is linked")]
        let made =
            unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
        Errno::result(made).map_err(|errno| ("make a TUN device", errno.into()))?;
        let index = if_nametoindex(name.as_str());
        let index = index.map_err(|errno| ("find the TUN device", io::Error::from(errno)))?;
        Ok(Tun { descriptor, index })
    }

    /// Registers the device with the runtime, so that its packets can be waited for.
    ///
    /// # Errors
    /// What epoll(7) returns.
    pub fn watched(self) -> io::Result<AsyncFd<Tun>> {
        #[expect(
            unsafe_code,
            reason = "tokio leaves it to the caller that the descriptor stays open"
        )]
        // SAFETY: a `Tun` owns its descriptor, always gives the same one, and closes it only with itself.
        let watched = unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) };
        Ok(watched?)
    }

    /// The index of the link.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Sets the link up.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn set_up(&self, netlink: &mut Netlink) -> io::Result<()> {
        let mut header = LinkHeader { index: self.index, ..LinkHeader::default() };
        let attribute = |kind: u16, value: &[u8]| {
            let mut bytes =
                u16::try_from(4 + value.len()).unwrap_or_default().to_ne_bytes().to_vec();
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let mode = attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
        let mode = attribute(u16::try_from(libc::AF_INET6).unwrap_or_default(), &mode);
        let quiet = Request { header: header.clone(), attributes: &[(libc::IFLA_AF_SPEC, &mode)] };
        // A kernel without IPv6 knows no such thing, and makes no noise.
        let _ = netlink.change(libc::RTM_NEWLINK, 0, &quiet);
        header.flags = LinkFlags::Up;
        header.change_mask = LinkFlags::Up;
        netlink.change(libc::RTM_NEWLINK, 0, &Request { header, attributes: &[] })
    }

    /// Gives the link an address and, as its network has two, the route to the other one.
    ///
    /// # Errors
    /// What the kernel answered; `EACCES` where IPv6 is switched off.
    pub fn add_address(&self, netlink: &mut Netlink, ip: IpAddr) -> io::Result<()> {
        let (family, bits, octets) = parts(ip);
        let header = AddressHeader {
            family,
            prefix_len: bits - 1,
            // Nobody else is on this link.
            flags: AddressHeaderFlags::Nodad,
            scope: LINK_SCOPE,
            index: self.index,
        };
        let attributes: [(u16, &[u8]); 2] =
            [(libc::IFA_LOCAL, &octets), (libc::IFA_ADDRESS, &octets)];
        let request = Request { header, attributes: &attributes };
        netlink.change(libc::RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &request)
    }

    /// Routes one more address to the link.
    ///
    /// # Errors
    /// What the kernel answered; `EEXIST` where it is routed already.
    pub fn add_route(&self, netlink: &mut Netlink, to: IpAddr) -> io::Result<()> {
        let (address_family, bits, octets) = parts(to);
        let header = RouteHeader {
            address_family,
            destination_prefix_length: bits,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Boot,
            scope: if to.is_ipv4() { RouteScope::Link } else { RouteScope::Universe },
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        let link = self.index.to_ne_bytes();
        let attributes: [(u16, &[u8]); 2] = [(libc::RTA_DST, &octets), (libc::RTA_OIF, &link)];
        let request = Request { header, attributes: &attributes };
        netlink.change(libc::RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &request)
    }

    /// Lets a packet arrive in the pod.
    ///
    /// # Errors
    /// What write(2) returns; `EIO` while the link is down.
    pub fn write(&self, packet: &[u8]) -> io::Result<()> {
        Ok(nix::unistd::write(&self.descriptor, packet).map(|_| ())?)
    }

    /// The next packet that the pod sent to the link.
    ///
    /// # Errors
    /// What read(2) returns; [`ErrorKind::WouldBlock`] when there is none.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut packet = vec![0; PACKET_BYTES];
        let count = nix::unistd::read(&self.descriptor, &mut packet)?;
        packet.truncate(count);
        Ok(packet)
    }

    /// Takes the device away behind the caller's back: the kernel waits for every CPU to have done with
    /// it, tens of milliseconds in which a verdict need not wait.
    pub fn close(self) {
        // Where no thread can be had, the descriptor goes with the closure, here and now.
        let _ = thread::Builder::new().stack_size(64 * 1024).spawn(move || drop(self));
    }
}

/// The family, the length and the bytes of an address.
fn parts(ip: IpAddr) -> (AddressFamily, u8, Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => (AddressFamily::Inet, 32, ip.octets().to_vec()),
        IpAddr::V6(ip) => (AddressFamily::Inet6, 128, ip.octets().to_vec()),
    }
}

/// Opens the driver; where the container has no node for it, by a node that is gone at once.
fn driver() -> Result<OwnedFd, (&'static str, io::Error)> {
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = open(DRIVER, flags, Mode::empty()).map_err(io::Error::from);
    match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let path = format!("/dev/.{NAME}-{}", std::process::id());
            let (mode, number) = (Mode::S_IRUSR | Mode::S_IWUSR, makedev(NUMBER.0, NUMBER.1));
            if mknod(path.as_str(), SFlag::S_IFCHR, mode, number).is_err() {
                return Err(("open /dev/net/tun", error));
            }
            let opened = open(path.as_str(), flags, Mode::empty());
            let _ = fs::remove_file(&path);
            opened.map_err(|errno| ("open a node for /dev/net/tun", errno.into()))
        }
        opened => opened.map_err(|error| ("open /dev/net/tun", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_behind_the_name_makes_a_device_ours() {
        assert!(is_ours(&name(0)) && is_ours(&name(255)));
        for other in ["podprobe", "podprobe1x", "eth0", "tun0"] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn a_request_is_as_long_as_the_kernels() {
        assert_eq!(size_of::<InterfaceRequest>(), size_of::<libc::ifreq>());
    }
}
